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
        flag_definitions: PostHog's flags, as a file or its bytes; a file is read again whenever it
            changes.
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
    watched = _Watched(flag_definitions)
    async with collector:
        write(f"collector listens at {collector.url} (counts: {collector.url}/api/summary)")
        last = collector.summary()
        try:
            while True:
                await anyio.sleep(every)
                last = _report(collector.summary(), last, write)
                watched.renew(collector, write)
        finally:
            _report(collector.summary(), last, write)
            write("collector stopped")


class _Watched:
    """Notice when a file of flag definitions changes; anything else never does."""

    def __init__(self, source: str | Path | bytes | None) -> None:
        self._file = Path(source) if isinstance(source, str | Path) else None
        self._seen = self._stamp()  # this is all that changes

    def renew(self, collector: Collector, write: Callable[[str], None]) -> None:
        """Give *collector* the new definitions; with a mistake in them the former ones stay."""
        stamp = self._stamp()
        if stamp == self._seen or stamp is None:
            return
        self._seen = stamp
        try:
            collector.define_flags(self._file)
        except (OSError, ValueError) as error:
            write(f"{error}; the former definitions stay")
        else:
            write("flag definitions changed")

    def _stamp(self) -> tuple[int, int] | None:
        """Return what tells one state of the file from another, None if there is no file."""
        if self._file is None:
            return None
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size


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
