"""The demo's side of its server: start the process, ask it at the end, never leave it behind."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import msgspec

from asyncsdk.cli.stand_in import Arrived


class StandInError(Exception):
    """Say that the server did not start, or ended before it was asked."""


class StandIn:
    """A running server; `url` is its address."""

    def __init__(self, process: Process, url: str) -> None:
        self._process = process
        self.url = url

    async def arrived(self) -> Arrived:
        """End the server and return what it got; ask once.

        Raises:
            StandInError: It had ended by itself.
        """
        process = self._process
        assert process.stdin is not None  # noqa: S101 - it was given a pipe
        assert process.stdout is not None  # noqa: S101 - it was given a pipe
        process.stdin.close()
        told = await process.stdout.read()
        # It ends by itself now. Killing it in that very moment would take its exit status away
        # from asyncio, which complains about that on stderr.
        await process.wait()
        try:
            return msgspec.json.decode(told, type=Arrived)
        except msgspec.DecodeError:
            raise StandInError("the server ended before it was asked what arrived") from None


@asynccontextmanager
async def stand_in(faults: Sequence[str]) -> AsyncIterator[StandIn]:
    """Run the server within the block, in a session of its own: Ctrl-C is not meant for it.

    Raises:
        StandInError: It did not start.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "asyncsdk.cli.stand_in", *faults),
        stdin=PIPE,
        stdout=PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None  # noqa: S101 - it was given a pipe
    try:
        url = (await process.stdout.readline()).decode().strip()
        if not url:
            await process.wait()
            raise StandInError("the server did not start")
        yield StandIn(process, url)
    finally:
        with anyio.CancelScope(shield=True):
            if process.returncode is None:
                process.kill()
            await process.wait()
