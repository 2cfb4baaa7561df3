"""The backlog: what stands still is folded, step by step, and comes out as it went in."""

import asyncio
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsdk import backlog
from asyncsdk.backlog import Backlog, Chunk
from asyncsdk.seams import Room
from asyncsdk.testing import VirtualTimeLoop
from asyncsdk.wire.folding import fold_zlib


def chunk_of(events: list[bytes]) -> Chunk:
    """Return a sealed chunk."""
    chunk = Chunk("batch", 0.0, Room(events=1_000, bytes=100_000))
    chunk.events = list(events)
    chunk.size = sum(map(len, events))
    return chunk


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=30), st.binary(max_size=50))
def test_what_was_folded_comes_out_as_it_went_in(events: list[bytes], sample: bytes) -> None:
    """Beside any sample, empty events and any bytes included; a chunk has its events once."""
    chunk = chunk_of(events)
    assert chunk.fold(sample)
    assert not chunk.fold()
    assert chunk.events == []
    assert chunk.unfold() == events
    assert chunk.unfold() == []


@given(st.lists(st.integers(0, 200), min_size=1, max_size=30), st.integers(0, 9))
def test_a_large_chunk_is_folded_and_unfolded_stretch_by_stretch(
    sizes: list[int], unfolded: int
) -> None:
    """Each no longer than one step may take; events that are larger stay as they are."""
    events = [bytes(draw) for draw in sizes]
    chunk = chunk_of(events)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backlog, "_press", lambda: (fold_zlib, 100))
        while chunk.fold():
            assert all(not ends or ends[-1] <= 100 for _, _, ends in chunk._folded)
        for _ in range(unfolded):
            chunk.unfold_last()
    assert chunk.unfold() == events


async def test_what_is_being_unfolded_is_not_folded_again() -> None:
    """Else both would go on for ever, a step each in turns."""
    waiting = Backlog(asyncio.get_running_loop())
    chunk = chunk_of([b"event"] * 3)
    chunk.fold()
    waiting.put_nowait(chunk)
    assert chunk.unfold_last()
    assert not chunk.fold()
    assert list(waiting.ahead(100)) == [chunk]
    assert chunk.unfold() == [b"event"] * 3
    waiting.close()


def test_a_chunk_that_was_taken_is_not_folded() -> None:
    """Its events are a batch's now."""
    chunk = chunk_of([b"one"])
    assert chunk.unfold() == [b"one"]
    chunk.fold()
    assert chunk.unfold() == []


def test_what_does_not_move_for_a_second_is_folded_and_what_follows_too() -> None:
    """Until it moves again: then what comes is left as it is, so that it can be merged."""

    async def main() -> None:
        waiting = Backlog(asyncio.get_running_loop())
        chunks = [chunk_of([b"event" * 50] * 20) for _ in range(5)]
        for chunk in chunks[:3]:
            waiting.put_nowait(chunk)
        await asyncio.sleep(1.5)
        assert all(chunk.events for chunk in chunks[:3])
        await asyncio.sleep(1.0)
        assert not any(chunk.events for chunk in chunks[:3])
        waiting.put_nowait(chunks[3])
        await asyncio.sleep(0)
        assert not chunks[3].events
        assert waiting.get_nowait().unfold() == [b"event" * 50] * 20
        await asyncio.sleep(1.0)
        waiting.put_nowait(chunks[4])
        await asyncio.sleep(0.4)
        assert chunks[4].events
        assert [waiting.get_nowait() for _ in range(4)] == chunks[1:]

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())


def test_what_moves_is_never_folded() -> None:
    """A lane that delivers slower than events come has no use for it."""

    async def main() -> None:
        waiting = Backlog(asyncio.get_running_loop())
        for number in range(20):
            waiting.put_nowait(chunk_of([b"%d" % number]))
            waiting.put_nowait(chunk_of([b"%d" % number]))
            await asyncio.sleep(0.6)
            assert waiting.get_nowait().events

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())


def test_a_long_backlog_is_folded_in_many_steps() -> None:
    """One chunk a step: the loop belongs to the host."""

    async def main() -> int:
        waiting = Backlog(asyncio.get_running_loop())
        chunks = [chunk_of([b"event"]) for _ in range(50)]
        for chunk in chunks:
            waiting.put_nowait(chunk)
        await asyncio.sleep(2.0)
        steps = 0
        while any(chunk.events for chunk in chunks):
            before = sum(not chunk.events for chunk in chunks)
            await asyncio.sleep(0)
            assert sum(not chunk.events for chunk in chunks) - before <= 1
            steps += 1
        return steps

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        assert runner.run(main()) >= 45


@pytest.mark.parametrize("count", [20, 500])
def test_a_folded_chunk_is_a_fraction_of_its_events(count: int) -> None:
    """That is what it is for."""
    events = [
        b'{"type":"track","event":"Item Viewed","userId":"u-%d","messageId":"%032x"' % (n, n * 7919)
        for n in range(count)
    ]
    chunk = chunk_of(events)
    before = sum(map(sys.getsizeof, events))
    chunk.fold()
    folded = sys.getsizeof(chunk._folded)
    folded += sum(
        map(sys.getsizeof, (*chunk._folded, *(part for pair in chunk._folded for part in pair)))
    )
    assert folded < before / 3


def test_an_empty_backlog_looks_no_more() -> None:
    """Until something waits again: an idle client has no timer that wakes the loop."""

    async def main() -> None:
        backlog = Backlog(asyncio.get_running_loop())
        for _ in range(2):
            chunk = chunk_of([b"event" * 50])
            backlog.put_nowait(chunk)
            await asyncio.sleep(2.5)
            assert not chunk.events
            backlog.get_nowait()
            await asyncio.sleep(1.5)
            assert backlog._timer is None

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())


def test_a_backlog_that_is_closed_looks_no_more() -> None:
    """A run that ends leaves no timer behind."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        waiting = Backlog(loop)
        chunk = chunk_of([b"event"])
        waiting.put_nowait(chunk)
        waiting.close()
        waiting.put_nowait(chunk_of([b"another"]))
        await asyncio.sleep(10.0)
        assert chunk.events

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())
