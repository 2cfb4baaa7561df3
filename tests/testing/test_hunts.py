"""Bad events alone: how long a lane may be held up by them, to the request and the second."""

import asyncio

import pytest

from asyncsdk import AsyncAnalytics, RudderStack
from asyncsdk.seams import Fate, HttpResponse, Verdict
from tests.testing.scripted import DOWN, KEY, YES, Act, Asked, Gateway, client, in_turn, track

REFUSED = Act(status=400)


async def letters_of(analytics: AsyncAnalytics) -> list[tuple[int, str, int]]:
    """Return the number, the state and the attempts of each letter."""
    return [
        (letter.event["properties"]["n"], letter.state, letter.attempts)
        async for letter in analytics.dead_letters()
    ]


@pytest.mark.parametrize("retries", [0, 1, 2, 3])
async def test_two_bad_events_alone_go_after_as_many_probes_as_retries(retries: int) -> None:
    """Whole, half, half: until then it looks like a bad lane, and nothing is burnt."""
    gateway = Gateway()
    analytics = client(gateway, flush_at=2, max_retries=retries, probe_after=60.0, probe_cap=60.0)
    for number in range(2):
        track(analytics, number, bad=True)
    await asyncio.sleep(60.0 * retries - 1 if retries else 0)
    assert analytics.statistics().rejected == 0
    await asyncio.sleep(2)
    assert analytics.statistics().rejected == 2
    assert [list(asked.numbers) for asked in gateway.asked] == [[0, 1], [0], [1]] * (retries + 1)
    assert await letters_of(analytics) == [(number, "rejected", retries + 1) for number in range(2)]
    await analytics.shutdown()


async def test_a_lane_that_was_held_up_goes_on_with_the_next_events() -> None:
    """Without a crash, and with retries of their own."""
    errors: list[str] = []
    gateway = Gateway()
    analytics = client(
        gateway,
        flush_at=2,
        max_batch_events=2,
        max_retries=1,
        on_error=lambda one: errors.append(one.code),
    )
    for number in range(2):
        track(analytics, number, bad=True)
    for number in range(2, 6):
        track(analytics, number)
    await asyncio.sleep(100)
    assert gateway.arrived() == [2, 3, 4, 5]
    assert set(errors) == {"http_400"}
    assert analytics.statistics().stopped == ""
    await analytics.shutdown()


async def test_the_guilty_that_were_found_say_after_how_many_attempts() -> None:
    """One: a refusal is no failure of the kind that is tried again."""
    analytics = client(Gateway(), flush_at=8)
    for number in range(8):
        track(analytics, number, bad=number in (0, 1, 6))
    await analytics.flush()
    assert await letters_of(analytics) == [(number, "rejected", 1) for number in (0, 1, 6)]
    await analytics.shutdown()


async def test_a_large_hunt_in_vain_stops_early_and_loses_nothing() -> None:
    """Some dozens of refusals, then it stands still with all that it had in hand, in order."""
    refusing = [True]
    gateway = Gateway(lambda _: REFUSED if refusing[0] else Act())
    analytics = client(gateway, flush_at=500)
    for number in range(500):
        track(analytics, number)
    await asyncio.sleep(1)
    assert len(gateway.asked) == 27  # 2 * 9 + 8 are allowed, one more is too many
    assert analytics.statistics().stopped
    assert analytics.statistics().pending == 500
    refusing[0] = False
    await asyncio.sleep(60)
    assert gateway.arrived() == list(range(500))
    assert analytics.statistics().rejected == 0
    await analytics.shutdown()


@pytest.mark.parametrize("count", [1, 2, 5])
async def test_events_that_are_too_large_alone_say_nothing_of_the_lane(count: int) -> None:
    """413 on one event is its own fault: nothing waits for a probe, though not one arrives."""
    gateway = Gateway(lambda _: Act(max_body=10))
    analytics = client(gateway, flush_at=count)
    for number in range(count):
        track(analytics, number)
    result = await analytics.flush()
    assert (result.rejected, result.pending, result.duration) == (count, 0, 0.0)
    assert analytics.statistics().stopped == ""
    await analytics.shutdown()


class Naming(RudderStack):
    """A system that refuses as a whole, then names whom it will never take."""

    def judge(self, route: str, response: HttpResponse, count: int) -> Verdict:
        """Name all of them."""
        if response.status != 409:
            return super().judge(route, response, count)
        return Verdict(fate=Fate.NEVER, status=409)


async def test_who_is_named_in_a_hunt_is_no_suspect(caplog: pytest.LogCaptureFixture) -> None:
    """A final no is one, whether or not the lane has delivered: no probe is waited for."""
    gateway = Gateway(in_turn(REFUSED, then=Act(status=409)))
    analytics = AsyncAnalytics(
        Naming(KEY, "https://here", name="here"), transport=gateway, flush_at=6
    )
    for number in range(6):
        track(analytics, number)
    result = await analytics.flush()
    assert (result.rejected, result.pending, result.duration) == (6, 0, 0.0)
    assert [len(asked.numbers) for asked in gateway.asked] == [6, 3, 3]
    assert "here: 3 events were refused for good (HTTP 409)" in caplog.text
    await analytics.shutdown()


async def test_parts_that_are_given_up_in_a_hunt_end_it_as_well() -> None:
    """One is refused alone, the others meet an outage until their retries are spent."""
    mended = [False]

    def act(asked: Asked) -> Act:
        """Refuse what begins with the first, until it is mended; be away for the others."""
        if mended[0]:
            return YES
        return REFUSED if 0 in asked.numbers else DOWN

    gateway = Gateway(act)
    analytics = client(gateway, flush_at=4, max_retries=1)
    for number in range(4):
        track(analytics, number)
    await asyncio.sleep(50)
    counts = analytics.statistics()
    assert (counts.dead, counts.rejected, counts.pending) == (3, 0, 1)
    assert counts.stopped
    mended[0] = True
    await asyncio.sleep(100)
    assert gateway.arrived() == [0]
    assert analytics.pending == 0
    await analytics.shutdown()


async def test_the_last_hunt_goes_to_its_end() -> None:
    """However many are refused: after that none of them holds anybody up."""
    gateway = Gateway()
    analytics = client(gateway, flush_at=200, max_retries=1)
    for number in range(200):
        track(analytics, number, bad=True)
    await asyncio.sleep(50)
    assert len(gateway.asked) == 25  # 2 * 8 + 8 are allowed, one more is too many
    assert analytics.statistics().rejected == 0
    await asyncio.sleep(50)
    assert len(gateway.asked) == 25 + 399
    assert analytics.statistics().rejected == 200
    track(analytics, 200)
    await asyncio.sleep(11)
    assert gateway.arrived() == [200]
    assert analytics.statistics().stopped == ""
    await analytics.shutdown()


async def test_a_lane_that_stood_still_has_to_earn_its_trust_again() -> None:
    """What has delivered may be searched far; once it was stopped, it may be no more."""
    gateway = Gateway(lambda asked: YES if asked.numbers == [0] else REFUSED)
    analytics = client(gateway, flush_at=1)
    track(analytics, 0)
    await asyncio.sleep(1)
    for number in range(1, 501):
        track(analytics, number)
    await asyncio.sleep(1)
    requests = [len(gateway.asked)]
    for _ in range(2):
        await asyncio.sleep(61 * 2 ** (len(requests) - 1))
        requests.append(len(gateway.asked))
    first, second, third = requests[0] - 1, requests[1] - requests[0], requests[2] - requests[1]
    assert (first, second, third) == (251, 27, 27)
    await analytics.shutdown(0)


async def test_standing_still_is_no_attempt() -> None:
    """Three refused keys, then an outage: that has all its retries."""
    wrong = Act(status=401)
    gateway = Gateway(in_turn(wrong, wrong, wrong, then=DOWN))
    analytics = client(gateway, flush_at=1, max_retries=2)
    track(analytics, 1)
    await asyncio.sleep(2_000)
    (letter,) = [letter async for letter in analytics.dead_letters()]
    assert (letter.state, letter.attempts, letter.status) == ("dead", 3, 503)
    assert len(gateway.asked) == 6
    await analytics.shutdown()
