"""Makes batches, leases and letters for the tests of the sending side."""

from collections.abc import Sequence

from asyncsdk.seams import Batch, DeadLetter, Lease, Progress


def batch(key: str = "k", count: int = 3, *, route: str = "batch", size: int = 10) -> Batch:
    """Make a batch of *count* events of *size* bytes that say where they are from."""
    events = [f"{key}-{at}".encode().ljust(size, b".") for at in range(count)]
    return Batch(key=key, route=route, events=events, size=sum(map(len, events)))


def lease(of: Batch, open_ranges: Sequence[tuple[int, int]] | None = None) -> Lease:
    """Lease *of*, with all or some of it open."""
    ranges = [(0, len(of.events))] if open_ranges is None else list(open_ranges)
    return Lease("lane", of, Progress(open=ranges))


def letter(
    message_id: str, *, lane: str = "lane", size: int = 10, state: str = "rejected"
) -> DeadLetter:
    """Make a letter of *size* bytes."""
    return DeadLetter(
        destination=lane,
        message_id=message_id,
        state=state,
        reason="no",
        status=400,
        attempts=1,
        first_at="2026-11-21T09:00:00.000Z",
        died_at="2026-11-21T09:00:01.000Z",
        key="k",
        among=1,
        route="batch",
        data=b'{"n":1'.ljust(size, b" "),
    )
