"""Bad events alone: how long a lane may be held up by them, to the request and the second."""

import asyncio

import pytest

from tests.testing.scripted import Act, Gateway, client, track

REFUSED = Act(status=400)


async def letters_of(analytics: object) -> list[tuple[int, str, int]]:
    """Return the number, the state and the attempts of each letter."""
    return [
        (letter.event["properties"]["n"], letter.state, letter.attempts)
        async for letter in analytics.dead_letters()  # type: ignore[attr-defined]
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
