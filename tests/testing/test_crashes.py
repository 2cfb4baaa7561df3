"""What happens when something of ours, or a store of yours, breaks? It is told, and goes on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import pytest

from asyncsdk import AsyncAnalytics, DeliveryError, MemoryStore, RudderStack
from asyncsdk.seams import Batch, DeadLetter, HttpResponse, Lease, Room, Verdict
from tests.testing.scripted import (
    DOWN,
    HANGS,
    KEY,
    RESET,
    Gateway,
    client,
    destination,
    in_turn,
    track,
)


class Moody(RudderStack):
    """A destination whose first judgements raise."""

    moods: list[Exception]

    def judge(self, route: str, response: HttpResponse, count: int) -> Verdict:
        """Raise while there is a mood left."""
        if self.moods:
            raise self.moods.pop()
        return super().judge(route, response, count)


def moody(*moods: Exception) -> Moody:
    """Return a destination in these moods."""
    made = Moody(KEY, "https://moody", name="moody")
    object.__setattr__(made, "moods", list(moods))
    return made


async def test_a_crash_is_told_by_its_kind_alone_and_the_lane_starts_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A second later, with what it had in hand; its neighbour never notices."""
    errors: list[DeliveryError] = []
    gateway = Gateway()
    broken = moody(ExceptionGroup("both", [KeyError("secret words"), ValueError("others")]))
    analytics = AsyncAnalytics(
        broken, destination("calm"), transport=gateway, flush_at=1, on_error=errors.append
    )
    receipt = track(analytics, 1)
    await asyncio.sleep(0.99)
    assert [asked.host for asked in gateway.asked] == ["moody", "calm"]
    assert analytics.statistics().pending == 1
    await receipt.delivered(1.0)
    (record,) = [one for one in caplog.records if "crashed" in one.getMessage()]
    assert record.levelno == logging.ERROR
    assert "moody: delivery crashed (KeyError)" in record.getMessage()
    assert "secret words" not in caplog.text
    assert [(type(error), str(error)) for error in errors] == [
        (DeliveryError, "moody: delivery crashed (KeyError)")
    ]
    await analytics.shutdown()


async def test_lanes_that_crash_are_told_one_by_one(caplog: pytest.LogCaptureFixture) -> None:
    """One line each, though they do it in the same moment."""
    first, second = moody(OSError()), Moody(KEY, "https://second", name="second")
    object.__setattr__(second, "moods", [OSError()])
    analytics = AsyncAnalytics(first, second, transport=Gateway(), flush_at=1)
    await track(analytics, 1).delivered(10)
    lines = [line for line in caplog.messages if "crashed (OSError)" in line]
    assert len(lines) == 2
    await analytics.shutdown()


class Shaky(MemoryStore):
    """A store in which one method fails, before it has done anything, for some seconds."""

    def __init__(self, method: str, times: int) -> None:
        super().__init__()
        self._method = method
        self._left = times
        self.at: list[float] = []

    def _shake(self, method: str) -> None:
        if method == self._method:
            self.at.append(asyncio.get_running_loop().time())
            if self._left:
                self._left -= 1
                raise OSError("disk")

    async def append(
        self, lane: str, batch: Batch, *, age: float = 0.0, letters: Sequence[DeadLetter] = ()
    ) -> None:
        """Append, or fail."""
        self._shake("append")
        await super().append(lane, batch, age=age, letters=letters)

    async def take(self, lane: str, room: Room) -> list[Lease]:
        """Take, or fail."""
        self._shake("take")
        return await super().take(lane, room)

    async def give_back(self, leases: Sequence[Lease]) -> None:
        """Give back, or fail."""
        self._shake("give_back")
        await super().give_back(leases)

    async def note(self, lease: Lease, letters: Sequence[DeadLetter] = ()) -> None:
        """Note, or fail."""
        self._shake("note")
        await super().note(lease, letters)

    async def settle(self, lease: Lease, letters: Sequence[DeadLetter]) -> bool:
        """Settle, or fail."""
        self._shake("settle")
        return await super().settle(lease, letters)


@pytest.mark.parametrize("method", ["settle", "note", "give_back"])
async def test_a_verdict_is_written_until_the_store_has_it_and_not_asked_for_again(
    caplog: pytest.LogCaptureFixture, method: str
) -> None:
    """Once a second, with one line that says whose store it is; no request is made meanwhile."""
    store = Shaky(method, times=3)
    acts = [DOWN, DOWN] if method == "give_back" else []
    gateway = Gateway(in_turn(*acts))
    errors: list[DeliveryError] = []
    analytics = client(
        gateway,
        store=store,
        flush_at=4,
        max_retries=1,
        exhausted="requeue" if acts else "dead_letter",
        on_error=errors.append,
    )
    for number in range(4):
        track(analytics, number, bad=number == 1)
    await asyncio.sleep(600)
    assert [at - store.at[0] for at in store.at[:4]] == [0, 1, 2, 3]
    lines = [line for line in caplog.messages if "the store failed (OSError)" in line]
    assert len(lines) == 1
    assert "here: " in lines[0]
    assert gateway.arrived() == [0, 2, 3]
    assert gateway.kept["here"] == [0, 2, 3]
    counts = analytics.statistics()
    assert (counts.delivered, counts.rejected, counts.pending) == (3, 1, 0)
    assert len([letter async for letter in analytics.dead_letters()]) == 1
    assert "crash" not in caplog.text
    await analytics.shutdown()


async def test_of_a_store_that_fails_each_lane_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """One line each: whoever reads only of one of them looks in the wrong place."""
    analytics = AsyncAnalytics(
        destination("here"),
        destination("there"),
        transport=Gateway(),
        store=Shaky("settle", times=4),
        flush_at=1,
    )
    track(analytics, 1)
    assert (await analytics.flush(10)).delivered == 2
    lines = [line for line in caplog.messages if "the store failed" in line]
    assert sorted(line.split(":")[1] for line in lines) == [" here", " there"]
    await analytics.shutdown()


@pytest.mark.parametrize("method", ["append", "take"])
async def test_a_store_that_cannot_be_written_or_read_costs_a_second_and_no_event(
    caplog: pytest.LogCaptureFixture, method: str
) -> None:
    """The lane starts again, with the batch that it had formed."""
    gateway = Gateway()
    analytics = client(gateway, store=Shaky(method, times=2), flush_at=2)
    for number in range(4):
        track(analytics, number)
    assert (await analytics.flush(10)).delivered == 4
    assert gateway.kept["here"] == [0, 1, 2, 3]
    assert "here: delivery crashed (OSError)" in caplog.text
    await analytics.shutdown()


class Odd(RudderStack):
    """A destination that cannot read its own events."""

    def identity(self, route: str, event: bytes) -> tuple[str, str]:
        """Fail."""
        raise ValueError(f"no name for {event!r} of {route}")


async def test_a_letter_without_a_name_is_better_than_none() -> None:
    """What cannot be read back is kept all the same, and the lane goes on."""
    analytics = AsyncAnalytics(
        Odd(KEY, "https://here", name="here"), transport=Gateway(), flush_at=1
    )
    track(analytics, 1, bad=True)
    track(analytics, 2)
    assert (await analytics.flush()).delivered == 1
    (letter,) = [one async for one in analytics.dead_letters()]
    assert (letter.message_id, letter.first_at) == ("", "")
    assert letter.data
    await analytics.shutdown()


class Rude:
    """A transport that raises what it must not."""

    def __init__(self, error: Exception) -> None:
        self._errors: list[Exception] = [error]
        self._gateway = Gateway()

    async def open(self) -> None:
        """Be ready."""

    async def close(self) -> None:
        """Let go."""

    async def send(self, request: Any) -> HttpResponse:
        """Raise once, then answer."""
        if self._errors:
            raise self._errors.pop()
        return await self._gateway.send(request)


async def test_whatever_a_transport_raises_is_a_failure_like_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Tried again after a pause; its text, which may show a key, is told to nobody."""
    told: list[dict[str, Any]] = []
    analytics = AsyncAnalytics(
        destination(),
        transport=Rude(RuntimeError(KEY)),
        flush_at=1,
        jitter=0.0,
        on_event=lambda _, facts: told.append(dict(facts)),
    )
    track(analytics, 1)
    assert (await analytics.flush()).delivered == 1
    assert [(facts["status"], facts["pause"]) for facts in told] == [(None, 1.0)]
    assert "the transport raised RuntimeError" in caplog.text
    assert "crashed" not in caplog.text
    assert KEY not in caplog.text
    await analytics.shutdown()


async def test_an_error_without_an_answer_says_of_which_kind_it_is() -> None:
    """A timeout is told from a connection that broke, and both are worth another try."""
    found: list[tuple[str, str]] = []
    for act in (RESET, HANGS):
        analytics = client(Gateway(in_turn(act)), flush_at=1, max_retries=0)
        with pytest.raises(DeliveryError) as caught:
            await track(analytics, 1).delivered()
        found.append((type(caught.value).__name__, caught.value.code))
        assert caught.value.retryable
        await analytics.shutdown(0)
    assert found == [
        ("TransportError", "network_error"),
        ("RequestTimeoutError", "request_timeout"),
    ]
