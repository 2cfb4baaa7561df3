"""Reading without stopping the loop."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from asyncsdk.cli.reading import PIECE, read_some


async def test_a_file_is_read_in_pieces(tmp_path: Path) -> None:
    """Whatever its size, a piece at a time; empty at the end."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * (PIECE + 3))
    descriptor = os.open(path, os.O_RDONLY)
    sizes = [len(await read_some(descriptor)) for _ in range(3)]
    os.close(descriptor)
    assert sizes == [PIECE, 3, 0]


async def test_a_pipe_that_is_silent_does_not_stop_the_loop() -> None:
    """Delivery goes on while nothing comes; what comes is given at once."""
    inward, outward = os.pipe()
    reading = asyncio.create_task(read_some(inward))
    await asyncio.sleep(0.02)
    assert not reading.done()
    os.write(outward, b"some")
    assert await reading == b"some"
    os.close(outward)
    assert await read_some(inward) == b""
    os.close(inward)


async def test_a_read_that_was_cancelled_hurts_nobody() -> None:
    """Its thread finds the answer unwanted."""
    inward, outward = os.pipe()
    reading = asyncio.create_task(read_some(inward))
    await asyncio.sleep(0.02)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    os.write(outward, b"late")
    await asyncio.sleep(0.02)
    os.close(outward)
    assert await read_some(inward) == b""
    os.close(inward)


async def test_a_descriptor_that_cannot_be_read_is_an_error() -> None:
    """It comes out of the await, not out of a thread."""
    inward, outward = os.pipe()
    os.close(inward)
    with pytest.raises(OSError, match="Bad file descriptor"):
        await read_some(outward)
    os.close(outward)


def test_the_interpreter_ends_while_a_read_waits() -> None:
    """A silent stdin keeps no program from its end, and crashes none."""
    code = (
        "import asyncio\n"
        "from asyncsdk.cli.reading import read_some\n"
        "async def main():\n"
        "    async with asyncio.timeout(0.05):\n"
        "        await read_some(0)\n"
        "try: asyncio.run(main())\n"
        "except TimeoutError: print('ended')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.wait(10) == 0
    finally:
        process.kill()
        said = process.communicate()
    assert said == (b"ended\n", b"")
