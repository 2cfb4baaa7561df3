"""The entry and the collector's command."""

import asyncio
import re
import signal
import subprocess
import sys

import pytest

from asyncsdk import AsyncAnalytics, RudderStack, State
from asyncsdk.cli import main
from asyncsdk.errors import HTTPStatusError
from asyncsdk.version import __version__
from tests.cli.running import command, environment, pipe, read_until, run, started

pytestmark = pytest.mark.whole_way


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """By the module and by the function behind the installed command."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"asyncsdk {__version__}\n"
    ended = run("--version")
    assert (ended.returncode, ended.stdout) == (0, f"asyncsdk {__version__}\n")


def test_without_a_command_the_usage_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, returned and not raised."""
    assert main([]) == 2
    assert "usage: asyncsdk" in capsys.readouterr().err


def test_help_needs_no_network_library() -> None:
    """The answer to --help comes at once."""
    code = (
        "import sys; from asyncsdk.cli import main; main(['demo', '--help']);"
        "print(sorted(sys.modules.keys() & {'aiohttp'}), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--ndjson" in ended.stdout
    assert ended.stderr == "[]\n"


def test_a_reader_that_leaves_is_no_error() -> None:
    """`asyncsdk demo | head -1`: the exit code says it, nothing else."""
    process = subprocess.Popen(
        command("demo", "--events", "500"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    complained = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(60) == 141
    assert "Error" not in complained


async def test_the_collector_says_its_address_and_takes_events() -> None:
    """A free port if none is named; with --write-key only that key gets in; Ctrl-C is its end."""
    with started("collect", "--write-key", "good-key", "--fault", "503,times=1") as process:
        line = await asyncio.to_thread(read_until, process.stdout, lambda line: "listens" in line)
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found is not None
        async with AsyncAnalytics(RudderStack("good-key", found[0]), retry_base=0.01) as client:
            outcome = await client.track("E", user_id="u").delivered(30)
        async with AsyncAnalytics(RudderStack("bad-key", found[0])) as client:
            receipt = client.track("E", user_id="u")
            with pytest.raises((HTTPStatusError, TimeoutError)):
                await receipt.delivered(0.3)
        process.send_signal(signal.SIGINT)
        said = await asyncio.to_thread(pipe(process.stdout).read)
        assert process.wait(30) == 0
    assert outcome.state is State.DELIVERED
    assert "events 1, " in said
    assert "401:" in said
    assert said.endswith("collector stopped\n")


def test_a_port_that_is_taken_is_said() -> None:
    """Exit code 1 and one line."""
    with started("collect") as process:
        line = read_until(process.stdout, lambda line: "listens" in line)
        port = re.findall(r":(\d+)", line)[0]
        ended = run("collect", "--port", port)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert re.fullmatch(r"asyncsdk collect: .*in use.*\n", ended.stderr)


def test_a_host_that_is_not_this_machine_is_refused() -> None:
    """The collector has no protection."""
    ended = run("collect", "--host", "192.0.2.1")
    assert ended.returncode == 1
    assert "loopback only" in ended.stderr
