"""The send loop: take what the store has, send it, and do what the verdict leads to.

A `Trip` is what one send task does with the leases that it took: a list of parcels, first to last.
A parcel that the server refused is cut in halves at the front of that list, so its innocent
events still arrive in their order. While no event of such a hunt has been delivered, its refused
ones are only suspects: if every part of a parcel is refused, the fault is the lane's, and nothing
is burnt.

Nothing here is undone on cancellation: what is not settled stays leased, and whoever runs the
lane next calls the store's `recover`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from msgspec import structs

from asyncsdk.delivery.closing import give_back, insist
from asyncsdk.delivery.parcels import Parcel, whole, without
from asyncsdk.errors import (
    NETWORK_BLOCKED,
    DeliveryError,
    HTTPStatusError,
    InvalidResponseError,
    RequestTimeoutError,
    TransportError,
)
from asyncsdk.receipts import DELIVERED, Outcome, State
from asyncsdk.reporting import Sending, Sent
from asyncsdk.retrying import Move, Range, Step, decide, refusals_allowed
from asyncsdk.seams import DeadLetter, Fate, HttpRequest, Lease, Refusal, Verdict

if TYPE_CHECKING:
    from asyncsdk.delivery.lane import Lane

#: Dead letters that are written in one step of the loop.
_LETTERS_AT_ONCE = 50


class Hunt:
    """The search for the guilty events of one refused parcel."""

    def __init__(self, parcel: Parcel, refusal: Verdict) -> None:
        self.parcel: Parcel = parcel
        # This is all that changes.
        self.left: int = 1  # parcels of it that are still to be sent
        self.refused: int = 0  # refusals since it began
        self.last_refusal: Verdict = refusal
        self.proved: bool = False  # whether one of its events was delivered: the lane works
        self.suspects: list[tuple[Parcel, Verdict]] = []


class Trip:
    """What one send task has in hand."""

    def __init__(self, leases: Sequence[Lease]) -> None:
        self.leases: Sequence[Lease] = leases
        # This is all that changes.
        self.parcels: deque[Parcel] = deque([whole(leases)])
        self.hunt: Hunt | None = None
        self.vain_hunts: int = 0  # hunts in a row that delivered nothing


async def send_for_ever(lane: Lane) -> None:
    """Take and deliver, until cancelled."""
    while True:
        leases = await lane.take(lane.room)
        if lane.layby.rests(leases[0]):
            lane.layby.park(lane, leases)
        elif leases[0].batch.route not in lane.rooms:
            await _bury_the_foreign(lane, whole(leases))
        else:
            await _deliver(lane, Trip(leases))


async def _deliver(lane: Lane, trip: Trip) -> None:
    while trip.parcels:
        parcel = trip.parcels[0]
        if await _bury_the_old(lane, trip, parcel):
            continue
        started = await lane.turn()
        try:
            verdict = await _exchange(lane, parcel)
        finally:
            lane.done()
        await _act(lane, trip, parcel, verdict, started)


async def _bury_the_old(lane: Lane, trip: Trip, parcel: Parcel) -> bool:
    """In an outage, bury what has passed `max_age` without waiting for a request of its own."""
    if trip.hunt is not None or not lane.pace.failures:
        return False
    old = lane.expired(parcel)
    if not old:
        return False
    verdict = Verdict(fate=Fate.AGAIN, reason="older than max_age")
    await _bury(lane, parcel.slice(old), verdict, parcel.attempts)
    trip.parcels.popleft()
    rest = _less([(0, parcel.count)], old)
    if rest:
        trip.parcels.appendleft(parcel.slice(rest))
    lane.moved()
    return True


async def _bury_the_foreign(lane: Lane, parcel: Parcel) -> None:
    """Bury what an earlier version stored for a route that is no more; it can be read."""
    reason = f"this version has no route {parcel.route!r}"
    await _bury(lane, parcel, Verdict(fate=Fate.AGAIN, reason=reason), parcel.attempts)
    lane.moved()


async def _exchange(lane: Lane, parcel: Parcel) -> Verdict:
    """Send *parcel* once and return what came of it.

    In steps: to settle the last one, to join and pack, and to hand over may each take the loop half
    a millisecond if the batch is large. The host has its turn in between.
    """
    destination = lane.destination
    attempt = parcel.attempts + 1
    await asyncio.sleep(0)
    body = destination.body(parcel.route, parcel.events, sent_at=lane.outside.now())
    packed = await lane.packer.gzip(body) if lane.options.gzip else body
    await asyncio.sleep(0)
    request = destination.request(
        parcel.route,
        packed,
        encoding="gzip" if lane.options.gzip else None,
        key=parcel.key,
        attempt=attempt,
    )
    lane.sent(len(packed), again=attempt > 1)
    if lane.reporter.on_request is None:
        return await _answer(lane, parcel, request)
    return await _watched(lane, parcel, request, attempt)


async def _watched(lane: Lane, parcel: Parcel, request: HttpRequest, attempt: int) -> Verdict:
    """Send *request* while `on_request` looks on, which hears of its end in any case."""
    sending = Sending(
        destination=lane.name,
        url=request.url,
        method=request.method,
        events=parcel.count,
        bytes=len(request.body),
        attempt=attempt,
    )
    tell, outcome = lane.reporter.sending(sending), Sent(fate="cancelled")
    try:
        verdict = await _answer(lane, parcel, request)
        outcome = Sent(fate=verdict.fate.value, status=verdict.status, code=verdict.code)
        return verdict
    finally:
        lane.reporter.sent(tell, outcome)


async def _answer(lane: Lane, parcel: Parcel, request: HttpRequest) -> Verdict:
    destination = lane.destination
    try:
        response = await lane.transport.send(structs.replace(request, timeout=lane.options.timeout))
    except TransportError as error:
        await asyncio.sleep(0)  # a connection that fails has taken its time already
        fate = Fate.NEVER if error.code == NETWORK_BLOCKED else Fate.AGAIN
        return Verdict(fate=fate, reason=str(error), code=error.code)
    except Exception as error:  # noqa: BLE001 - an application's transport may raise anything
        lane.reporter.once("transport", f"the transport raised {type(error).__name__}")
        reason = f"the transport raised {type(error).__name__}"
        return Verdict(fate=Fate.AGAIN, reason=reason, code=TransportError.default_code)
    return destination.judge(parcel.route, response, parcel.count)


async def _act(lane: Lane, trip: Trip, parcel: Parcel, verdict: Verdict, started: float) -> None:
    again = verdict.fate is Fate.AGAIN or Fate.AGAIN in verdict.but.values()
    attempts = parcel.fail() if again else parcel.attempts + 1
    if again and lane.durable:
        # The oldest batch speaks for the parcel, which counts by the one that has most.
        await insist(lane, partial(lane.store.note, parcel.leases[0]))
    step = decide(verdict, parcel.count, attempts=attempts, max_retries=lane.options.max_retries)
    if verdict.fate is Fate.DELIVERED and verdict.reason:
        lane.reporter.say(f"answer {lane.name}", f"{lane.name}: {verdict.reason}")
    if step.move is Move.ON:
        parcel.count_from(0)
    else:
        step = await _expire(lane, parcel, step, verdict, attempts)
    await _settle(lane, trip, parcel, step, verdict, attempts)
    trip.parcels.popleft()
    trip.parcels.extendleft(parcel.slice(ranges) for ranges in reversed(step.parcels))
    lane.paced(step.move, verdict, started, parcel.count)
    if step.move is Move.SPENT and step.parcels:
        await _give_up(lane, trip, verdict, attempts)
    await _hunt(lane, trip, parcel, step, verdict, started)
    lane.moved()


async def _settle(
    lane: Lane, trip: Trip, parcel: Parcel, step: Step, verdict: Verdict, attempts: int
) -> None:
    """Settle what the verdict settles; a hunt's lone refusals wait for its end."""
    for ranges in step.delivered:
        outcome = structs.replace(DELIVERED, status=verdict.status, answer=verdict.answer)
        await lane.closer.close(lane, parcel.slice([ranges]), outcome, ())
        if trip.hunt is not None:
            trip.hunt.proved = True
    for ranges, why in _refused(step, verdict):
        guilty = parcel.slice([ranges])
        if trip.hunt is not None and not trip.hunt.proved and _may_be_the_lane(why):
            trip.hunt.suspects.append((guilty, why))
        else:
            await _reject(lane, guilty, why, attempts)


def _refused(step: Step, verdict: Verdict) -> Iterator[tuple[Range, Verdict]]:
    """Yield what was refused, with what the server said of it: of single events, if it did."""
    for start, stop in step.rejected:
        if not verdict.refusals:
            yield (start, stop), verdict
            continue
        for at, said in enumerate(map(verdict.refusals.get, range(start, stop)), start):
            why = verdict if said is None else _of_one(verdict, said)
            yield (at, at + 1), why


def _of_one(verdict: Verdict, said: Refusal) -> Verdict:
    return structs.replace(verdict, reason=said.reason, code=said.code)


def _may_be_the_lane(verdict: Verdict) -> bool:
    """Whether the refusal of a lone event may not be its own fault; its size (413) surely is."""
    return verdict.fate is Fate.SPLIT and verdict.status != 413


async def _hunt(
    lane: Lane, trip: Trip, parcel: Parcel, step: Step, verdict: Verdict, started: float
) -> None:
    """Keep the hunt's books, and end it when its last part has been sent."""
    if trip.hunt is None:
        if not step.split:
            return
        trip.hunt = Hunt(parcel, verdict)
    hunt = trip.hunt
    hunt.left += len(step.parcels) - 1
    hunt.left -= step.move is Move.SPENT and bool(step.parcels)
    if verdict.fate is Fate.SPLIT:
        hunt.refused += 1
        hunt.last_refusal = verdict
    if hunt.proved:
        await _reject_suspects(lane, trip, hunt)
    done = hunt.left <= 0
    if done:
        trip.hunt = None
    if hunt.suspects if done else _too_costly(lane, trip, hunt):
        await _in_vain(lane, trip, hunt, started)


async def _reject_suspects(lane: Lane, trip: Trip, hunt: Hunt) -> None:
    """The lane works: whatever was refused alone is guilty."""
    trip.vain_hunts = 0
    suspects, hunt.suspects = hunt.suspects, []
    for guilty, why in suspects:
        await _reject(lane, guilty, why, guilty.attempts + 1)


def _too_costly(lane: Lane, trip: Trip, hunt: Hunt) -> bool:
    """Whether the hunt has cost more than one for a few guilty events should; the last one may."""
    if hunt.proved or trip.vain_hunts >= lane.options.max_retries:
        return False
    return hunt.refused > refusals_allowed(hunt.parcel.count, trusted=lane.trusted)


async def _in_vain(lane: Lane, trip: Trip, hunt: Hunt, started: float) -> None:
    """Nothing of the parcel arrived: it is the lane. Keep all, stand still, hunt anew later.

    What was refused while the lane was at fault says nothing, so the next hunt begins afresh. Not
    for ever: events that stay refused would hold up all that follow.
    """
    trip.hunt = None
    trip.vain_hunts += 1
    if trip.vain_hunts > lane.options.max_retries:
        # It was let go on to its end, whatever it cost: no part of it is left.
        for guilty, why in hunt.suspects:
            await _reject(lane, guilty, why, trip.vain_hunts)
        trip.vain_hunts = 0
        return
    rest = [trip.parcels.popleft() for _ in range(hunt.left)]
    kept = [*(guilty for guilty, _ in hunt.suspects), *rest]
    trip.parcels.appendleft(Parcel(tuple(part for parcel in kept for part in parcel.parts)))
    why = hunt.last_refusal
    lane.stop(f"whatever part of a batch is sent is refused ({short(why)})", why, started)


async def _reject(lane: Lane, guilty: Parcel, verdict: Verdict, attempts: int) -> None:
    error = error_of(verdict, lane.name)
    outcome = Outcome(State.REJECTED, _why(verdict), verdict.status, error)
    letters = await _letters(lane, guilty, outcome, attempts)
    await lane.closer.close(lane, guilty, outcome, letters)
    lane.reporter.say(
        f"rejected {lane.name}",
        f"{lane.name}: {{count}} events were refused for good ({short(verdict)}); "
        "see dead_letters()",
        count=guilty.count,
    )
    lane.reporter.event(
        "rejected", destination=lane.name, count=guilty.count, status=verdict.status
    )
    lane.failed(error)


async def _expire(lane: Lane, parcel: Parcel, step: Step, verdict: Verdict, attempts: int) -> Step:
    """Bury what would go again but has passed `max_age`; return the step for the rest."""
    old = lane.expired(parcel)
    going = [piece for ranges in step.parcels for piece in ranges]
    late = _less(going, _less(going, old))
    if not late:
        return step
    await _bury(lane, parcel.slice(late), verdict, attempts)
    rest = [ranges for ranges in (_less(ranges, late) for ranges in step.parcels) if ranges]
    return structs.replace(step, parcels=rest)


def _less(ranges: Sequence[Range], old: Sequence[Range]) -> Sequence[Range]:
    for start, stop in old:
        ranges = without(ranges, start, stop)
    return ranges


async def _give_up(lane: Lane, trip: Trip, verdict: Verdict, attempts: int) -> None:
    """Bury the parcel at the front, or put the whole trip back, as `exhausted` says."""
    parcel = trip.parcels[0]
    if lane.options.exhausted != "requeue":
        trip.parcels.popleft()
        await _bury(lane, parcel, verdict, attempts)
        parcel.count_from(0)  # other parts of the batch have attempts of their own
        return
    if lane.destination.routes[parcel.route].gives_way:
        _step_aside(lane, trip)
    else:
        await _put_back(lane, trip)
        lane.rest()
    _tell_end(lane, "requeued", parcel.count, verdict, attempts)


async def _bury(lane: Lane, parcel: Parcel, verdict: Verdict, attempts: int) -> None:
    outcome = Outcome(State.DEAD, _why(verdict), verdict.status, error_of(verdict, lane.name))
    letters = await _letters(lane, parcel, outcome, attempts)
    await lane.closer.close(lane, parcel, outcome, letters)
    _tell_end(lane, "exhausted", parcel.count, verdict, attempts)


def _tell_end(lane: Lane, kind: str, count: int, verdict: Verdict, attempts: int) -> None:
    lane.reporter.say(
        f"{kind} {lane.name}",
        f"{lane.name}: {{count}} events {_END[kind]} after {attempts} attempts ({short(verdict)})",
        count=count,
    )
    lane.reporter.event(kind, destination=lane.name, count=count, attempts=attempts)
    lane.failed(error_of(verdict, lane.name))


_END = {
    "requeued": "went back to the front of the queue",
    "exhausted": "became dead letters",
}


async def _put_back(lane: Lane, trip: Trip) -> None:
    """Return everything that is open to the front, in order, with its attempts before it."""
    trip.parcels.clear()
    trip.hunt = None
    back = [lease for lease in trip.leases if lease.progress.open]
    for lease in back:
        lease.progress.attempts = 0
    await give_back(lane, back)


def _step_aside(lane: Lane, trip: Trip) -> None:
    """Let other routes pass, at once, for as long as the lane itself would rest."""
    trip.parcels.clear()
    left = [lease for lease in trip.leases if lease.progress.open]
    for lease in left:
        lease.progress.attempts = 0
    lane.layby.park(lane, left, until=lane.now + lane.options.retry_cap)
    lane.hurry()


async def _letters(
    lane: Lane, parcel: Parcel, outcome: Outcome, attempts: int
) -> Sequence[DeadLetter]:
    """Write a letter for each event; the loop has a turn now and then, thousands take a while."""
    events = parcel.events
    now = lane.outside.now()
    letters: list[DeadLetter] = []
    for number, data in enumerate(events, 1):
        if number % _LETTERS_AT_ONCE == 0:
            await asyncio.sleep(0)
        message_id, first_at = _identity(lane, parcel.route, data)
        letters.append(
            DeadLetter(
                destination=lane.name,
                message_id=message_id,
                state=outcome.state.value,
                reason=outcome.reason,
                status=outcome.status,
                attempts=attempts,
                first_at=first_at,
                died_at=now,
                key=parcel.key,
                among=len(events),
                route=parcel.route,
                data=data,
            )
        )
    return letters


def _identity(lane: Lane, route: str, data: bytes) -> tuple[str, str]:
    try:
        return lane.destination.identity(route, data)
    except Exception:  # noqa: BLE001 - a letter without a name is better than none, or no lane
        return "", ""


def error_of(verdict: Verdict, name: str) -> DeliveryError:
    """Return what a receipt raises for events that *verdict* ended."""
    text = f"{name}: {_why(verdict)}"
    retryable = verdict.fate is Fate.AGAIN
    if verdict.status is None:
        kind = RequestTimeoutError if verdict.code == "request_timeout" else TransportError
        return kind(text, code=verdict.code, retryable=retryable)
    if verdict.code == "invalid_response":
        return InvalidResponseError(text, status=verdict.status, retryable=retryable)
    return HTTPStatusError(
        text,
        code=f"http_{verdict.status}",
        status=verdict.status,
        retryable=retryable,
        retry_after=verdict.retry_after,
        details={"code": verdict.code} if verdict.code else None,
    )


def _why(verdict: Verdict) -> str:
    if verdict.status is None:
        return verdict.reason or "no answer"
    return (
        f"HTTP {verdict.status}: {verdict.reason}" if verdict.reason else f"HTTP {verdict.status}"
    )


def short(verdict: Verdict) -> str:
    """Return what happened in our own words: a server's may repeat events, and go to no log."""
    if verdict.status is None:
        return verdict.reason or "no answer"
    return f"HTTP {verdict.status}"
