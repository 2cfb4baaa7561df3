"""Hours of a client's life, to the second: back-off, pauses, probes, age, outages."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import pytest

from asyncsdk import AsyncAnalytics, DeliveryError, RudderStack
from asyncsdk.receipts import Receipt, State
from asyncsdk.seams import Fate, HttpResponse, Verdict
from tests.testing.scripted import (
    DOWN,
    HANGS,
    RESET,
    YES,
    Act,
    Asked,
    Gateway,
    client,
    destination,
    in_turn,
    track,
    until,
)

HOUR = 3_600.0
#: After these seconds the default options try again, had chance no part in it.
LADDER = [0, 1, 3, 7, 15, 31, 61, 91, 121, 151, 181]


def clock() -> float:
    """Return the seconds of the running loop."""
    return asyncio.get_running_loop().time()


def since(began: float, gateway: Gateway) -> list[float]:
    """Return how many seconds after *began* each request came."""
    return [moment - began for moment in gateway.times]


def gaps(gateway: Gateway) -> list[float]:
    """Return the seconds between one request and the next."""
    return [late - early for early, late in pairwise(gateway.times)]


# What happens when the server is down?


@pytest.mark.parametrize("act", [DOWN, Act(status=500), RESET, HANGS])
async def test_the_whole_ladder_of_retries_then_a_dead_letter(act: Act) -> None:
    """Ten retries, doubling up to half a minute; a timeout counts its ten seconds on top."""
    gateway = Gateway(lambda _: act)
    analytics = client(gateway, flush_at=1)
    began = clock()
    receipt = track(analytics, 1)
    await _life(receipt)
    waited = min(act.after, 10.0)
    assert since(began, gateway) == pytest.approx(
        [at + step * waited for step, at in enumerate(LADDER)]
    )
    await analytics.shutdown()


async def test_chance_moves_a_pause_by_a_quarter_and_never_past_the_cap() -> None:
    """The default jitter: clients that failed together do not come back together."""
    gateway = Gateway(lambda _: DOWN)
    analytics = AsyncAnalytics(destination(), transport=gateway, flush_at=1, max_retries=200)
    track(analytics, 1)
    await asyncio.sleep(2 * HOUR)
    plain = [min(2.0**step, 30.0) for step in range(200)]
    found = gaps(gateway)
    assert len(found) == 200
    assert all(
        0.75 * due - 1e-6 <= gap <= 30.0 + 1e-6 for gap, due in zip(found, plain, strict=True)
    )
    assert all(gap <= 1.25 * due + 1e-6 for gap, due in zip(found, plain, strict=True))
    assert len({round(gap, 3) for gap in found[5:]}) > 50
    await analytics.shutdown()


async def test_full_jitter_spreads_over_the_whole_pause() -> None:
    """From nothing to all of it, half of it on average."""
    gateway = Gateway(lambda _: DOWN)
    analytics = client(
        gateway, flush_at=1, jitter="full", max_retries=1_000, retry_base=30.0, retry_cap=30.0
    )
    track(analytics, 1)
    await asyncio.sleep(10 * HOUR)
    found = gaps(gateway)
    assert len(found) == 1_000
    assert max(found) <= 30.0 + 1e-6
    assert min(found) < 3.0
    assert sum(found) / len(found) == pytest.approx(15.0, abs=2.0)
    await analytics.shutdown()


@pytest.mark.repeats
async def test_a_server_that_is_away_for_six_hours_loses_nothing() -> None:
    """With retries enough for it: two requests a minute meanwhile, then everything, in order."""
    gateway = Gateway(lambda asked: HANGS if asked.at < away else YES)
    analytics = client(gateway, max_retries=10_000, timeout=10.0)
    away = clock() + 6 * HOUR
    for number in range(500):
        track(analytics, number)
        await asyncio.sleep(30)
    result = await analytics.flush(3 * HOUR)
    assert gateway.arrived() == list(range(500))
    assert (result.pending, analytics.statistics().delivered) == (0, 500)
    assert sum(at < away for at in gateway.times) <= 6 * 90 + 10
    await analytics.shutdown()


async def test_after_an_outage_the_ladder_begins_anew() -> None:
    """One success forgets the failures before it."""
    gateway = Gateway(in_turn(DOWN, DOWN, DOWN, YES, DOWN, DOWN))
    analytics = client(gateway, flush_at=1)
    track(analytics, 1)
    await asyncio.sleep(100)
    began = clock()
    track(analytics, 2)
    await asyncio.sleep(100)
    assert since(began, gateway)[4:] == [0, 1, 3]
    await analytics.shutdown()


# What happens when the server says when to come back?


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"retry-after": "120"}, 120),
        ({"retry-after": "0"}, 1),
        ({"retry-after": "3600"}, 600),
        ({"retry-after": "soon"}, 1),
        (
            {
                "retry-after": "Sat, 21 Nov 2026 09:05:00 GMT",
                "date": "Sat, 21 Nov 2026 09:00:00 GMT",
            },
            300,
        ),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_a_pause_that_the_server_asks_for_is_kept_to_the_second(
    status: int, headers: dict[str, str], pause: float
) -> None:
    """Never shorter, at most ten minutes, and by the server's own clock if it is a date."""
    gateway = Gateway(in_turn(Act(status=status, headers=headers)))
    analytics = client(gateway, flush_at=1, concurrency=4)
    began = clock()
    track(analytics, 1)
    await asyncio.sleep(0.5)
    track(analytics, 2)
    assert analytics.statistics().paused == pytest.approx(pause - 0.5)
    await asyncio.sleep(700)
    assert since(began, gateway)[:2] == [0, pause]
    assert set(gateway.arrived()) == {1, 2}  # four may send at once: in no order
    await analytics.shutdown()


async def test_a_shutdown_waits_out_a_servers_pause_or_gives_up_at_once() -> None:
    """Whether the pause ends within its time decides; ours are cut short in any case."""
    for timeout, took, arrived in ((100.0, 60.0, [1]), (59.0, 0.0, [])):
        gateway = Gateway(in_turn(Act(status=503, headers={"retry-after": "60"})))
        analytics = client(gateway, flush_at=1)
        track(analytics, 1)
        await asyncio.sleep(0.01)
        began = clock()
        await analytics.shutdown(timeout)
        assert clock() - began == pytest.approx(took, abs=0.1)
        assert gateway.arrived() == arrived


async def test_chance_only_shortens_the_pauses_of_a_shutdown() -> None:
    """How long may the end of a program take when the server is dead? Never longer by bad luck."""
    plain = [1.0, 2.0, 4.0]
    longer = 0
    for _ in range(30):
        gateway = Gateway(lambda _: RESET)
        analytics = AsyncAnalytics(destination(), transport=gateway, flush_at=1)
        track(analytics, 1)
        await analytics.shutdown()
        assert len(gateway.asked) == 4
        for pause, due in zip(gaps(gateway), plain, strict=True):
            assert 0.75 * due - 1e-6 <= pause <= due + 1e-6
        # In the next run pauses are drawn as ever.
        gateway.script = in_turn(YES, then=RESET)
        await track(analytics, 2).delivered()
        track(analytics, 3)
        await asyncio.sleep(10)
        longer += any(pause > due for pause, due in zip(gaps(gateway)[-3:], plain, strict=True))
        await analytics.shutdown(0)
    assert longer > 5


# What happens when the key is wrong?


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_lane_that_stands_still_is_probed_ever_more_rarely(status: int) -> None:
    """After a minute, doubling to ten; an event more makes no request more; then all arrive."""
    wrong = [True]
    gateway = Gateway(lambda _: Act(status=status) if wrong[0] else YES)
    analytics = client(gateway, flush_at=1)
    track(analytics, 0)
    await asyncio.sleep(0.5)
    for number in range(1, 100):
        track(analytics, number)
        await asyncio.sleep(30)
    assert gaps(gateway) == [60, 120, 240, 480, 600, 600, 600]
    wrong[0] = False
    await asyncio.sleep(600)
    assert gateway.arrived() == list(range(100))
    assert len(gateway.asked) <= 12
    await analytics.shutdown()


# When does an event go out?


async def test_a_lone_event_waits_for_the_interval_and_a_full_chunk_for_nothing() -> None:
    """Ten seconds after the first event of its chunk; the twentieth event sends it at once."""
    gateway = Gateway()
    analytics = client(gateway)
    began = clock()
    track(analytics, 0)
    await asyncio.sleep(4)
    track(analytics, 1)
    await asyncio.sleep(96)
    for number in range(2, 24):
        track(analytics, number)
    await asyncio.sleep(100)
    assert since(began, gateway) == [10, 100, 110]
    assert [len(asked.numbers) for asked in gateway.asked] == [2, 20, 2]
    await analytics.shutdown()


@pytest.mark.parametrize("later", [0.25, 5.0, 9.75])
async def test_a_chunk_that_came_late_has_its_whole_interval(later: float) -> None:
    """The timer of a chunk that was sealed meanwhile does not cut the next one short."""
    gateway = Gateway()
    analytics = client(gateway, flush_at=2)
    began = clock()
    for number in range(2):
        track(analytics, number)
    await asyncio.sleep(later)
    track(analytics, 2)
    await asyncio.sleep(30)
    assert since(began, gateway) == [0, later + 10]
    await analytics.shutdown()


async def test_without_an_interval_only_the_count_or_a_flush_sends() -> None:
    """`flush_interval=0` is no timer at all."""
    gateway = Gateway()
    analytics = client(gateway, flush_interval=0)
    track(analytics, 0)
    await asyncio.sleep(24 * HOUR)
    assert gateway.asked == []
    await analytics.flush()
    assert gateway.arrived() == [0]
    await analytics.shutdown()


async def test_a_day_of_silence_costs_no_request() -> None:
    """And the next event goes as the first one went."""
    gateway = Gateway()
    analytics = client(gateway)
    track(analytics, 0)
    await asyncio.sleep(24 * HOUR)
    assert len(gateway.asked) == 1
    began = clock()
    track(analytics, 1)
    await asyncio.sleep(20)
    assert gateway.times[1] - began == 10
    await analytics.shutdown()


# What happens to what is old?


async def test_an_event_dies_of_its_own_age() -> None:
    """At the first attempt after `max_age`, not with its neighbours, and never before."""
    gateway = Gateway(lambda _: DOWN)
    analytics = client(gateway, flush_at=1, max_age=300.0, max_retries=10_000)
    async with asyncio.TaskGroup() as group:
        lives = []
        for number in range(10):
            lives.append(group.create_task(_life(track(analytics, number))))
            await asyncio.sleep(60)
    ages = [life.result() for life in lives]
    assert all(300 <= age <= 300 + 31 for age in ages)
    await analytics.shutdown()


@pytest.mark.parametrize("act", [DOWN, Act(status=401)], ids=["an outage", "a wrong key"])
async def test_what_is_too_old_does_not_wait_for_others_to_die_first(act: Act) -> None:
    """Twenty requests' worth of old events are gone a pause after they are due, not twenty."""
    gateway = Gateway(lambda _: act)
    analytics = client(
        gateway,
        max_batch_events=1,
        max_age=300.0,
        max_retries=10_000,
        probe_after=30.0,
        probe_cap=30.0,
    )
    async with asyncio.TaskGroup() as group:
        lives = [group.create_task(_life(track(analytics, number))) for number in range(20)]
    assert max(life.result() for life in lives) <= 300 + 31
    await analytics.shutdown()


async def _life(receipt: Receipt) -> float:
    """Return how many seconds the event of *receipt* lives."""
    born = clock()
    with pytest.raises(DeliveryError):
        await receipt.delivered()
    assert receipt.state is State.DEAD
    return clock() - born


async def test_requeued_events_are_tried_for_an_hour_then_die() -> None:
    """Rounds of four attempts with a rest of `retry_cap` between them."""
    rounds: list[float] = []
    gateway = Gateway(lambda _: DOWN)
    analytics = client(
        gateway,
        flush_at=1,
        max_retries=3,
        exhausted="requeue",
        on_event=lambda kind, _: rounds.append(clock() - began) if kind == "requeued" else None,
    )
    began = clock()
    receipt = track(analytics, 1)
    assert HOUR <= await _life(receipt) <= HOUR + 31
    assert rounds[0] == 7
    assert all(late - early >= 30 for early, late in pairwise(rounds))
    await analytics.shutdown()


async def test_each_flush_waits_for_one_round() -> None:
    """And ends with it, the second time as the first time, while the events stay."""
    gateway = Gateway(lambda _: DOWN)
    analytics = client(gateway, flush_at=1, max_retries=3, exhausted="requeue")
    track(analytics, 1)
    for requests in (4, 8, 12):
        assert (await analytics.flush(1_000)).pending == 1
        assert len(gateway.asked) == requests
    await analytics.shutdown()


# What does an outage cost the server?


async def test_while_it_fails_one_request_probes_then_one_two_four_follow() -> None:
    """With `concurrency=4`: never two at once at a dead server, four again after three answers."""
    down = [False]
    gateway = Gateway(lambda _: Act(status=503, after=1.0) if down[0] else Act(after=1.0))
    analytics = client(
        gateway, concurrency=4, flush_at=1, max_batch_events=1, max_retries=1_000, retry_cap=5.0
    )
    for number in range(8):
        track(analytics, number)
    await asyncio.sleep(10)
    assert gateway.most_in_flight["here"] == 4
    down[0] = True
    for number in range(8, 40):
        track(analytics, number)
    await asyncio.sleep(3)  # the burst that was in flight when it died
    gateway.most_in_flight.clear()
    await asyncio.sleep(600)
    assert gateway.most_in_flight["here"] == 1
    down[0] = False
    gateway.asked.clear()
    await asyncio.sleep(60)
    starts = Counter(gateway.times)
    assert [starts[at] for at in sorted(starts)][:3] == [1, 2, 4]
    assert sorted(gateway.arrived()) == list(range(40))
    await analytics.shutdown()


@pytest.mark.repeats
@pytest.mark.timeout(60)
async def test_an_outage_gets_a_third_of_the_usual_requests_at_the_most() -> None:
    """300 clients, one batch a second each, half a minute of 503, and no storm afterwards."""
    clients, began = 300, clock()
    capacity = clients * 3 // 2
    served: Counter[int] = Counter()

    def act(asked: Asked) -> Act:
        """Be away for half a minute, and otherwise serve no more than the capacity."""
        second = int(asked.at - began)
        served[second] += 1
        return DOWN if 20 <= second < 50 or served[second] > capacity else Act(after=0.05)

    gateway = Gateway(act)
    fleet = [
        AsyncAnalytics(destination(), transport=gateway, flush_at=1, gzip=False, flush_interval=0)
        for _ in range(clients)
    ]
    async with asyncio.TaskGroup() as group:
        for number, analytics in enumerate(fleet):
            group.create_task(_live(analytics, Random(number), began + 100))
    delivered = sum(analytics.statistics().delivered for analytics in fleet)
    accepted = sum(analytics.statistics().accepted for analytics in fleet)
    attempts = sum(served.values()) / len({second for second in served if second < 100}) / clients
    usual = sum(served[second] for second in range(10, 20)) / 10
    outage = sum(served[second] for second in range(20, 50)) / 30
    assert usual == pytest.approx(clients, rel=0.1)
    assert outage <= 0.3 * usual
    assert max(served[second] for second in range(50, 140)) <= capacity
    assert delivered == accepted
    assert attempts <= 1.5
    for analytics in fleet:
        await analytics.shutdown()


async def _live(analytics: AsyncAnalytics, chance: Random, end: float) -> None:
    """Make a call a second until *end*, then deliver."""
    await asyncio.sleep(chance.random())
    number = 0
    while clock() < end:
        track(analytics, number)
        number += 1
        await asyncio.sleep(1)
    await analytics.flush(600)


async def test_hours_cost_a_moment_of_real_time() -> None:
    """What the folder promises of itself: ten hours of a dead server, a request every half minute."""
    began = time.monotonic()
    gateway = Gateway(until(clock() + 10 * HOUR, DOWN))
    analytics = client(gateway, max_retries=100_000)
    track(analytics, 1)
    assert (await analytics.flush(11 * HOUR)).delivered == 1
    assert len(gateway.asked) == pytest.approx(1_200, abs=10)
    assert time.monotonic() - began < 10.0
    await analytics.shutdown()


# What happens when an answer takes some events and wants others again?


@dataclass(frozen=True)
class Half(RudderStack):
    """A system that says of each event how it fares: of 207, the first one arrived."""

    def judge(self, route: str, response: HttpResponse, count: int) -> Verdict:
        """Say what *response* means."""
        if response.status == 207:
            return Verdict(fate=Fate.AGAIN, status=207, but={0: Fate.DELIVERED})
        return super().judge(route, response, count)


async def test_what_an_answer_has_taken_is_not_buried_for_its_age() -> None:
    """An event has one end: delivered, though it is older than what may go again."""
    gateway = Gateway(in_turn(Act(after=50.0), YES, YES, Act(status=207)))
    analytics = AsyncAnalytics(
        Half("a-key-of-virtual-time", "https://here", name="here"),
        transport=gateway,
        jitter=0.0,
        flush_at=1,
        max_age=20.0,
        timeout=0,
    )
    receipts = [track(analytics, 0)]
    for number in (1, 2, 3):  # in the store, in the writer's hands, waiting
        await asyncio.sleep(1)
        receipts.append(track(analytics, number))
    await asyncio.sleep(42)
    receipts.append(track(analytics, 4))  # young, in one batch with the old one before it
    await asyncio.sleep(30)
    assert [receipt.state for receipt in receipts] == [State.DELIVERED] * 5
    total = analytics.statistics()
    assert (total.accepted, total.delivered, total.dead, total.pending) == (5, 5, 0, 0)
    await analytics.shutdown()
