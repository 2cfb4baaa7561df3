"""Running the collector in the foreground, with a line whenever its counts change."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import anyio

from asyncsdk.collector.faults import Fault
from asyncsdk.collector.ledger import Summary
from asyncsdk.collector.server import Collector


async def serve(
    port: int,
    host: str = "127.0.0.1",
    *,
    write_keys: Collection[str] | None = None,
    faults: Sequence[Fault] = (),
    flag_definitions: str | Path | bytes | None = None,
    write: Callable[[str], None] = print,
    every: float = 1.0,
) -> None:
    """Run a collector until cancelled; under `asyncio.run` that includes Ctrl-C.

    Args:
        port: 0 takes a free one.
        host: A loopback name or address.
        write_keys: The keys that are let in; None lets every non-empty key in.
        faults: The fault script.
        flag_definitions: PostHog's flags, as a file or its bytes.
        write: Gets the address, then the counts whenever they changed, one line a time.
        every: How often the counts are looked at, in seconds.

    Raises:
        ValueError: *host* is not loopback, or the definitions are none.
        OSError: The port is taken, or the file cannot be read.
    """
    collector = Collector(
        host=host,
        port=port,
        write_keys=write_keys,
        faults=faults,
        flag_definitions=flag_definitions,
    )
    async with collector:
        write(f"collector listens at {collector.url} (counts: {collector.url}/api/summary)")
        last = collector.summary()
        try:
            while True:
                await anyio.sleep(every)
                last = _report(collector.summary(), last, write)
        finally:
            _report(collector.summary(), last, write)
            write("collector stopped")


def _report(now: Summary, last: Summary, write: Callable[[str], None]) -> Summary:
    if now != last:
        write(progress_line(now))
    return now


def progress_line(summary: Summary) -> str:
    """Put the counts into one line of plain text."""
    statuses = " ".join(f"{status}:{count}" for status, count in sorted(summary.by_status.items()))
    return (
        f"requests {summary.requests} ({statuses}), events {summary.accepted}, "
        f"refused {summary.refused}, duplicates {summary.duplicates}, "
        f"{summary.decoded_bytes:,} bytes"
    )
