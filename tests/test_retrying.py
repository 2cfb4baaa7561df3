"""When a lane may ask again, and what each answer leads to: tables and properties."""

import math
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from asyncsdk.options import LaneOptions
from asyncsdk.retrying import (
    RETRY_AFTER_CAP,
    Move,
    Pace,
    Range,
    Step,
    backoff,
    decide,
    refusals_allowed,
)
from asyncsdk.seams import Fate, Verdict

STEADY = LaneOptions(retry_base=1.0, retry_cap=30.0, jitter=0.0)
SPREADS = st.floats(-1.0, 1.0)
FATES = st.sampled_from(Fate)


def failed(
    pace: Pace,
    *,
    started: float,
    now: float,
    retry_after: float | None = None,
    options: LaneOptions = STEADY,
) -> Pace:
    """Return *pace* after a failure, without chance."""
    return pace.after_failure(
        options, started=started, now=now, spread=0.0, retry_after=retry_after
    )


# Back-off.


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 30), (7, 30), (9999, 30)]
)
def test_backoff_doubles_up_to_the_cap(failures: int, seconds: float) -> None:
    """1, 2, 4 … and never more than `retry_cap`, however many failures there were."""
    assert backoff(STEADY, failures, 0.7) == seconds


@given(
    failures=st.integers(0, 10_000),
    spread=SPREADS,
    base=st.floats(0, 1e6),
    cap=st.floats(0, 1e6),
    jitter=st.one_of(st.floats(0, 1), st.just("full")),
)
def test_backoff_is_never_negative_and_never_past_the_cap(
    failures: int, spread: float, base: float, cap: float, jitter: float
) -> None:
    """Whatever chance draws: jitter cannot lengthen a pause beyond `retry_cap`."""
    options = LaneOptions(retry_base=base, retry_cap=cap, jitter=jitter)
    assert 0.0 <= backoff(options, failures, spread) <= cap


@given(failures=st.integers(1, 100), spread=SPREADS)
def test_jitter_moves_the_pause_by_its_fraction(failures: int, spread: float) -> None:
    """A quarter of jitter adds or takes away a quarter at most."""
    options = structs.replace(STEADY, jitter=0.25)
    plain = backoff(STEADY, failures, 0.0)
    assert plain * 0.75 <= backoff(options, failures, spread) <= min(plain * 1.25, 30.0)


def test_jitter_follows_the_draw() -> None:
    """Clients that failed together draw differently, and so do not come back together."""
    options = structs.replace(STEADY, jitter=0.25)
    assert [backoff(options, 3, spread) for spread in (-1.0, 0.0, 1.0)] == [3.0, 4.0, 5.0]


def test_full_jitter_reaches_from_nothing_to_the_whole_pause() -> None:
    """The draw's ends and middle are the pause's ends and middle."""
    options = structs.replace(STEADY, jitter="full")
    assert [backoff(options, 3, spread) for spread in (-1.0, 0.0, 1.0)] == [0.0, 2.0, 4.0]


# The pace.


def test_one_failure_rests_the_whole_lane_and_probes_with_one_request() -> None:
    """Four in flight before, one after."""
    pace = failed(Pace(width=4), started=9.0, now=10.0)
    assert (pace.width, pace.until, pace.failures) == (1, 11.0, 1)


def test_a_burst_of_failures_is_one_failure_and_one_pause() -> None:
    """Four requests that were in flight together and failed together cost one step of back-off."""
    pace = Pace(width=4)
    for now in (10.0, 10.1, 10.2, 10.3):
        pace = failed(pace, started=9.0, now=now)
    assert (pace.failures, pace.until) == (1, 11.0)


def test_each_failed_probe_doubles_the_pause() -> None:
    """A request that started after the last failure is news."""
    pace, now = Pace(width=4), 0.0
    pauses = []
    for _ in range(7):
        pace = failed(pace, started=now, now=now + 0.5)
        pauses.append(pace.until - now - 0.5)
        now = pace.until
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


def test_after_an_outage_the_lane_widens_one_two_four() -> None:
    """Each success doubles what may be in flight, up to `concurrency`."""
    pace, widths = failed(Pace(width=4), started=0.0, now=1.0), []
    for at in range(4):
        widths.append(pace.width)
        pace = pace.after_success(4, started=2.0 + at)
    assert widths == [1, 2, 4, 4]


def test_a_success_ends_the_pause_and_forgets_the_failures() -> None:
    """The next outage begins with the shortest pause again."""
    pace = failed(failed(Pace(width=1), started=0, now=1), started=2, now=3)
    assert pace.after_success(1, started=5.0) == Pace(width=1)


@pytest.mark.parametrize("retry_after", [None, 3600.0])
def test_a_success_that_began_before_the_failure_ends_no_pause(retry_after: float | None) -> None:
    """Of requests in flight together, one that arrives does not cancel the others' pause."""
    pace = failed(Pace(width=4), started=9.0, now=10.0, retry_after=retry_after)
    late = pace.after_success(4, started=9.5)
    assert (late.until, late.asked_until, late.width) == (pace.until, pace.asked_until, 1)


def test_a_success_that_began_before_the_stop_leaves_the_lane_standing() -> None:
    """A key that was withdrawn stays withdrawn, whatever was still under way."""
    pace = Pace(width=4).after_stop(STEADY, started=9.0, now=10.0, reason="no")
    assert pace.after_success(4, started=9.5).stopped == "no"


def test_what_begins_at_the_moment_of_the_last_failure_is_news() -> None:
    """A coarse clock shows the same for both: the probe after a pause of nothing is one of them."""
    pace = failed(Pace(width=4), started=9.0, now=10.0)
    assert failed(pace, started=10.0, now=10.0).failures == 2
    assert pace.after_success(4, started=10.0) == Pace(width=2)
    stopped = pace.after_stop(STEADY, started=10.0, now=10.0, reason="no")
    assert stopped.after_stop(STEADY, started=10.0, now=10.0, reason="no").probes == 2


# Retry-After.


@given(asked=st.floats(0, 1e9), spread=SPREADS, failures=st.integers(0, 50))
def test_retry_after_is_never_shortened_and_capped(
    asked: float, spread: float, failures: int
) -> None:
    """The pause is at least what was asked, up to ten minutes, and at most that or our own."""
    options = structs.replace(STEADY, jitter=0.25)
    pace = Pace(width=1, failures=failures).after_failure(
        options, started=5.0, now=5.0, spread=spread, retry_after=asked
    )
    wanted = min(asked, RETRY_AFTER_CAP)
    assert pace.until - 5.0 >= wanted - 1e-9
    assert pace.until - 5.0 <= max(wanted, options.retry_cap) + 1e-9
    assert pace.hurried().until == pytest.approx(5.0 + wanted)  # only our own part is cut


def test_a_later_failure_of_the_same_burst_keeps_the_servers_pause() -> None:
    """One 429 with Retry-After and one plain 503, in flight together: the longer one holds."""
    pace = failed(Pace(width=2), started=1.0, now=2.0, retry_after=100.0)
    pace = failed(pace, started=1.0, now=3.0)
    assert (pace.until, pace.asked_until) == (102.0, 102.0)


def test_a_stop_of_the_same_burst_keeps_the_servers_pause() -> None:
    """A 401 beside a Retry-After does not bring the next request forward."""
    pace = failed(Pace(width=2), started=1.0, now=2.0, retry_after=500.0)
    pace = pace.after_stop(STEADY, started=1.0, now=3.0, reason="no")
    assert pace.until >= 502.0
    assert pace.hurried().until >= 502.0


def test_our_own_pause_can_be_cut_short() -> None:
    """Shutdown makes one last attempt at once."""
    assert failed(Pace(width=1), started=0.0, now=1.0).hurried().until == 0.0


def test_resting_lengthens_a_pause_and_never_shortens_one() -> None:
    """A round of retries is spent: `retry_cap`, or what the server asked if that is longer."""
    asked = failed(Pace(width=4), started=0.0, now=0.0, retry_after=500.0)
    assert asked.resting(0.0, 30.0).until == 500.0
    assert Pace(width=4, until=5.0).resting(10.0, 30.0).until == 40.0
    assert Pace(width=4).resting(10.0, 30.0).width == 1


# Standing still.


def test_probes_of_a_stopped_lane_double_from_a_minute_to_ten() -> None:
    """60, 120, 240, 480, 600, 600 seconds."""
    pace, now, pauses = Pace(width=1), 0.0, []
    for _ in range(6):
        pace = pace.after_stop(LaneOptions(), started=now, now=now, reason="HTTP 401")
        pauses.append(pace.until - now)
        now = pace.until
    assert pauses == [60, 120, 240, 480, 600, 600]
    assert (pace.stopped, pace.width) == ("HTTP 401", 1)


def test_a_burst_of_stops_is_one_probe() -> None:
    """Four requests with a wrong key, in flight together, do not make it eight minutes."""
    pace = Pace(width=4)
    for now in (10.0, 10.1, 10.2, 10.3):
        pace = pace.after_stop(LaneOptions(), started=9.0, now=now, reason="HTTP 401")
    assert pace.probes == 1
    assert pace.until <= 10.3 + 60.0


def test_a_stop_is_a_failure_like_others() -> None:
    """What waits behind it ages as in an outage, and an outage after it goes on doubling."""
    pace = Pace(width=1).after_stop(STEADY, started=0.0, now=0.0, reason="HTTP 401")
    assert pace.failures == 1
    pace = failed(pace, started=60.0, now=60.0)
    assert (pace.failures, pace.until) == (2, 62.0)


def test_a_failure_of_the_same_burst_leaves_the_lane_standing() -> None:
    """A 503 that was under way when the key was refused does not start the lane again."""
    pace = Pace(width=2).after_stop(LaneOptions(), started=9.0, now=10.0, reason="HTTP 401")
    pace = failed(pace, started=9.0, now=10.5)
    assert (pace.stopped, pace.probes) == ("HTTP 401", 1)
    assert pace.until >= 70.0


def test_a_delivered_probe_starts_the_lane_again() -> None:
    """Nothing of the stop is left."""
    pace = Pace(width=4).after_stop(LaneOptions(), started=0.0, now=0.0, reason="HTTP 401")
    assert pace.after_success(4, started=60.0) == Pace(width=2)


# Whether a drain has hope.

OUTAGE = Pace(width=1, until=10.0, failures=3, since=2.0, failed_at=9.0)
LATE = structs.replace(OUTAGE, since=7.5)


@pytest.mark.parametrize(
    ("pace", "began", "deadline", "hopeless"),
    [
        (Pace(width=1), 5.0, 6.0, False),
        (OUTAGE, 9.5, 20.0, False),  # no attempt made since: it gets one
        (LATE, 8.0, 9.5, True),  # failed since, and the next one comes too late
        (LATE, 8.0, 10.0, True),  # … by nothing
        (LATE, 8.0, 20.0, False),  # failed since, there is time for another
        (OUTAGE, 8.0, 20.0, False),  # failed since, there is time for another
        (OUTAGE, 8.0, 13.0, True),  # it has been failing for longer than the drain may take
        (OUTAGE, 8.0, 14.0, False),  # … for as long
        (structs.replace(OUTAGE, stopped="no"), 8.0, 99.0, True),
        (
            structs.replace(OUTAGE, stopped="no"),
            9.5,
            99.0,
            False,
        ),  # the last probe is still to come
        (
            structs.replace(OUTAGE, asked_until=10.0),
            9.5,
            9.9,
            True,
        ),  # the server's pause is not cut
        (structs.replace(OUTAGE, asked_until=10.0), 9.5, 10.0, True),
        (structs.replace(OUTAGE, asked_until=10.0), 9.5, 99.0, False),
    ],
)
def test_a_drain_gives_up_only_when_waiting_is_in_vain(
    pace: Pace, began: float, deadline: float, *, hopeless: bool
) -> None:
    """One last attempt is always made, but never against a server's own pause."""
    assert pace.hopeless(began=began, deadline=deadline) is hopeless


def test_a_drain_knows_since_when_it_has_been_failing() -> None:
    """From the first failure of the outage on, not from the last one."""
    pace, steady = Pace(width=1), structs.replace(STEADY, retry_cap=1.0)
    for now in (10.0, 13.0, 17.0):
        pace = failed(pace, started=now, now=now, options=steady)
    assert pace.hopeless(began=16.0, deadline=21.9)
    assert not pace.hopeless(began=16.0, deadline=22.1)


# What an answer leads to.

ALL = [(0, 4)]
A, D, N, S, P = Fate.AGAIN, Fate.DELIVERED, Fate.NEVER, Fate.STOP, Fate.SPLIT


def step(
    move: Move,
    *,
    delivered: Sequence[Range] = (),
    rejected: Sequence[Range] = (),
    parcels: Sequence[Sequence[Range]] = (),
    split: bool = False,
) -> tuple[object, ...]:
    """Return what `decide` is to say, in one comparable value."""
    return (
        move,
        list(delivered),
        list(rejected),
        [list(parcel) for parcel in parcels],
        split,
    )


def shown(found: Step) -> tuple[object, ...]:
    """Return a step as `step` writes it."""
    return step(
        found.move,
        delivered=found.delivered,
        rejected=found.rejected,
        parcels=found.parcels,
        split=found.split,
    )


TABLE: list[tuple[Fate, Mapping[int, Fate], int, tuple[object, ...]]] = [
    # all alike
    (D, {}, 1, step(Move.ON, delivered=ALL)),
    (A, {}, 1, step(Move.PAUSE, parcels=[ALL])),
    (A, {}, 3, step(Move.PAUSE, parcels=[ALL])),
    (A, {}, 4, step(Move.SPENT, parcels=[ALL])),
    (P, {}, 1, step(Move.ON, parcels=[[(0, 2)], [(2, 4)]], split=True)),
    (P, {}, 99, step(Move.ON, parcels=[[(0, 2)], [(2, 4)]], split=True)),
    (N, {}, 1, step(Move.ON, rejected=ALL)),
    (S, {}, 1, step(Move.STOP, parcels=[ALL])),
    (S, {}, 99, step(Move.STOP, parcels=[ALL])),
    # some fare otherwise
    (D, {1: N}, 1, step(Move.ON, delivered=[(0, 1), (2, 4)], rejected=[(1, 2)])),
    (D, {1: A}, 1, step(Move.PAUSE, delivered=[(0, 1), (2, 4)], parcels=[[(1, 2)]])),
    (D, {0: A, 3: N}, 1, step(Move.PAUSE, delivered=[(1, 3)], rejected=[(3, 4)], parcels=[[(0, 1)]])),
    (D, {1: A}, 4, step(Move.SPENT, delivered=[(0, 1), (2, 4)], parcels=[[(1, 2)]])),
    (A, {2: D}, 1, step(Move.PAUSE, delivered=[(2, 3)], parcels=[[(0, 2), (3, 4)]])),
    (A, {0: D, 1: D, 2: D, 3: D}, 1, step(Move.ON, delivered=ALL)),
    (S, {1: N}, 1, step(Move.STOP, rejected=[(1, 2)], parcels=[[(0, 1), (2, 4)]])),
    (N, {0: D}, 1, step(Move.ON, delivered=[(0, 1)], rejected=[(1, 4)])),
    # the server names the guilty: the innocent go again at once, together
    (P, {1: N}, 1, step(Move.ON, rejected=[(1, 2)], parcels=[[(0, 1), (2, 4)]])),
    (P, {1: D}, 1, step(Move.ON, delivered=[(1, 2)], parcels=[[(0, 1), (2, 4)]])),
    # it names somebody, but nobody guilty: they are looked for
    (P, {1: A}, 1, step(Move.ON, parcels=[[(0, 2)], [(2, 4)]], split=True)),
    # nonsense names nobody
    (D, {4: N, -1: N, 99: A}, 1, step(Move.ON, delivered=ALL)),
]  # fmt: skip


@pytest.mark.parametrize(("fate", "but", "attempts", "expected"), TABLE)
def test_what_each_verdict_on_four_events_leads_to(
    fate: Fate, but: Mapping[int, Fate], attempts: int, expected: tuple[object, ...]
) -> None:
    """With three retries: the table of all fates, alone and mixed."""
    found = decide(Verdict(fate=fate, but=but), 4, attempts=attempts, max_retries=3)
    assert shown(found) == expected


def test_a_single_event_that_cannot_be_split_is_rejected() -> None:
    """400 or 413 on one event alone: it is the guilty one."""
    found = decide(Verdict(fate=P), 1, attempts=1, max_retries=3)
    assert shown(found) == step(Move.ON, rejected=[(0, 1)])


def test_without_retries_the_first_failure_is_the_last() -> None:
    """`max_retries=0` spends the attempts at once."""
    assert decide(Verdict(fate=A), 1, attempts=1, max_retries=0).move is Move.SPENT


@given(
    fate=FATES,
    but=st.dictionaries(st.integers(-2, 40), FATES, max_size=12),
    count=st.integers(1, 40),
    attempts=st.integers(1, 5),
)
def test_every_event_has_exactly_one_way_on(
    fate: Fate, but: dict[int, Fate], count: int, attempts: int
) -> None:
    """Delivered, rejected or sent again: together all events, none twice, each list in order."""
    found = decide(Verdict(fate=fate, but=but), count, attempts=attempts, max_retries=3)
    lists = [found.delivered, found.rejected, [one for parcel in found.parcels for one in parcel]]
    ways = [[at for start, stop in ranges for at in range(start, stop)] for ranges in lists]
    assert sorted(ways[0] + ways[1] + ways[2]) == list(range(count))
    assert all(way == sorted(way) for way in ways)
    assert all(parcel for parcel in found.parcels)


@given(count=st.integers(2, 500))
def test_splits_end(count: int) -> None:
    """Both halves are smaller than the whole and differ by one event at most."""
    found = decide(Verdict(fate=P), count, attempts=1, max_retries=3)
    first, second = (sum(stop - start for start, stop in one) for one in found.parcels)
    assert first + second == count
    assert 0 <= second - first <= 1


@given(count=st.integers(1, 100_000))
def test_a_hunt_may_find_a_lone_culprit_without_a_stop(count: int) -> None:
    """The first event alone is guilty: its hunt stays below what is allowed, and that is little."""
    depth = math.ceil(math.log2(count)) + 1 if count > 1 else 1
    assert depth <= refusals_allowed(count, trusted=False) <= 2 * depth + 10


@pytest.mark.parametrize(
    ("count", "few", "more"),
    [(1, 10, 10), (2, 10, 10), (4, 12, 12), (100, 22, 200), (9_999, 36, 250)],
)
def test_a_lane_that_has_delivered_may_be_searched_further(count: int, few: int, more: int) -> None:
    """There it is rather the events: twice as many refusals as events, but bounded."""
    assert refusals_allowed(count, trusted=False) == few
    assert refusals_allowed(count, trusted=True) == more
