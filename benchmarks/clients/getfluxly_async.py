"""getfluxly's AsyncClient: no gzip, 50 events a request, which is what its server takes at most.

`await track()` posts inline: the call that fills a batch returns when the server has answered.
"""

from __future__ import annotations

from collections.abc import Iterable

from getfluxly import AsyncClient  # pyright: ignore[reportMissingImports]

from benchmarks.clients.client import drive
from benchmarks.clients.task import KEY, Task
from benchmarks.workload import Call


class Native:
    """`AsyncClient` with a queue that holds the whole burst."""

    def __init__(self, task: Task) -> None:
        self._client = AsyncClient(
            token=KEY,
            api_host=task.url,
            flush_at=task.batch or 50,
            max_queue_size=task.events + 1,
        )

    async def open(self) -> None:
        """It starts its task with the first call."""

    async def send(self, todo: Iterable[Call]) -> None:
        """Make the calls; one that cannot be delivered raises."""
        track = self._client.track
        for user_id, event, properties, context in todo:
            await track(event, user_id=user_id, properties=properties, context=context)

    async def close(self) -> None:
        """Close; that drains, and raises what could not be delivered."""
        await self._client.aclose()


if __name__ == "__main__":
    drive(Native)
