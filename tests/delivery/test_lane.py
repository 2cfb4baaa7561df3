"""A lane apart from its client: what a fork and the interpreter's exit leave of it."""

import asyncio
import threading
import time
from typing import Any

import pytest

from asyncsdk import MemoryStore
from asyncsdk.backlog import Chunk
from asyncsdk.delivery import packing
from asyncsdk.delivery.lane import Lane
from asyncsdk.delivery.parcels import whole
from asyncsdk.intake import Budget
from asyncsdk.options import LaneOptions
from asyncsdk.outside import Outside
from asyncsdk.receipts import Place
from asyncsdk.reporting import Reporter
from asyncsdk.seams import Encoded, Lease
from asyncsdk.wire.gzip import gzip_zlib
from tests.delivery.making import lease, letter
from tests.testing.scripted import Gateway, destination


def lane(store: MemoryStore | None = None, budget: Budget | None = None, **options: Any) -> Lane:
    """Make a lane."""
    return Lane(
        destination("here"),
        LaneOptions(**options),
        store=store or MemoryStore(),
        transport=Gateway(),
        outside=Outside(),
        reporter=Reporter(monotonic=time.monotonic),
        budget=budget or Budget(1_000_000),
    )


async def test_a_forked_child_starts_with_nothing_of_its_parents() -> None:
    """Events, letters, counts and bytes belong to the parent; what is another lane's stays."""
    store, budget = MemoryStore(), Budget(1_000_000)
    made = lane(store, budget)
    made.door.admit(Encoded("batch", b"x" * 100), Place("here"))
    made.door.leave(Encoded("batch", b"x" * 50), Place("here"))
    await store.bury([letter("m-1", lane="here"), letter("m-2", lane="there")])
    before = made.view()
    assert (before.pending, budget.used, budget.left) == (2, 100, 50)
    made.after_fork()
    now = made.view()
    assert (now.accepted, now.pending, now.queue_bytes) == (0, 0, 0)
    assert (budget.used, budget.left) == (0, 0)
    assert [one.message_id async for one in store.dead_letters()] == ["m-2"]
    made.door.admit(Encoded("batch", b"x"), Place("here"))
    assert made.view().pending == 1


@pytest.mark.parametrize("at_exit", [False, True])
async def test_at_the_exit_no_thread_is_started(
    monkeypatch: pytest.MonkeyPatch, *, at_exit: bool
) -> None:
    """None can be, then: whatever its size a body is compressed in the loop, in later runs too."""
    seen: list[threading.Thread] = []

    def press(body: bytes) -> bytes:
        seen.append(threading.current_thread())
        return gzip_zlib(body)

    monkeypatch.setattr(packing, "find_gzip", lambda: (press, 10))
    made = lane()
    if at_exit:
        made.use_no_threads()
        await made.packer.gzip(b"x" * 11)
    running = asyncio.create_task(made.run())
    await asyncio.sleep(0)
    await made.packer.gzip(b"x" * 11)
    running.cancel()
    await asyncio.wait([running])
    here = threading.main_thread()
    assert [thread is here for thread in seen] == ([True, True] if at_exit else [False])


async def test_of_several_batches_together_each_has_its_own_age() -> None:
    """What is old is told by its place in the request, whichever batch it came in."""
    made = lane(max_age=100.0)
    now = made.now
    leases: list[Lease] = []
    for number, (age, open_ranges) in enumerate(
        [
            (150.0, [(0, 3)]),
            (50.0, [(0, 2)]),
            (150.0, [(1, 3)]),
            (101.0, [(2, 4)]),
            (99.0, [(0, 1)]),
        ]
    ):
        chunk = Chunk("batch", now - age, made.room)
        chunk.events = [b"x"] * 4
        chunk.fates.size = chunk.fates.open = 4
        leases.append(lease(made.custody.form([chunk], f"b{number}"), open_ranges))
    assert made.expired(whole(leases)) == [(0, 3), (5, 7), (7, 9)]
    assert lane().expired(whole(leases)) == []
