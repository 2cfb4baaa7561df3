"""A collector in a thread of its own, so that tests without a loop, or with a new one each, have one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from anyio.from_thread import start_blocking_portal

from asyncsdk.collector import Collector, Fault

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

    from asyncsdk.collector.ledger import Event, Received, Summary


class ThreadedCollector:
    """A running `Collector`, as seen from another thread; each look is a copy.

    Made by `run_collector`, and by the fixture `collector`.
    """

    def __init__(self, server: Collector, portal: BlockingPortal) -> None:
        self._server = server
        self._portal = portal

    @property
    def url(self) -> str:
        """The address, without a trailing slash."""
        return self._server.url

    @property
    def events(self) -> list[Event]:
        """The accepted events, oldest first."""
        return self._portal.call(lambda: list(self._server.events))

    @property
    def requests(self) -> list[Received]:
        """The requests, oldest first."""
        return self._portal.call(lambda: list(self._server.requests))

    @property
    def bodies(self) -> Sequence[dict[str, object]]:
        """The accepted events as they came, oldest first."""
        return [event.body for event in self.events]

    def message_ids(self, system: str | None = None) -> Counter[str]:
        """Count every accepted id; see `Collector.message_ids`."""
        return self._portal.call(lambda: Counter(self._server.message_ids(system)))

    def summary(self) -> Summary:
        """Return the counts since the start or the last `clear`."""
        return self._portal.call(self._server.summary)

    def script(self, *faults: Fault) -> None:
        """Replace the fault script; see `Collector.script`. None: no faults."""
        self._portal.call(partial(self._server.script, *faults))

    def clear(self) -> None:
        """Forget all that came; the fault script goes on."""
        self._portal.call(self._server.clear)


@contextmanager
def run_collector(*faults: Fault) -> Iterator[ThreadedCollector]:
    """Run a collector on a free port of this machine until the block ends.

    Args:
        faults: Its first fault script.
    """
    with start_blocking_portal("asyncio") as portal:
        server = Collector(faults=faults)
        with portal.wrap_async_context_manager(server):
            yield ThreadedCollector(server, portal)
