"""Consent: what a destination asks for, what is dropped or held for want of it, and its release."""

from __future__ import annotations

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsdk import AsyncAnalytics, Delivery, RudderStack, ValidationError
from asyncsdk.collector import Collector
from asyncsdk.messages import Consent, has_consent
from asyncsdk.receipts import State
from asyncsdk.testing import VirtualTimeLoop
from tests.street.walking import adds_up
from tests.testing.scripted import Gateway, destination

EVERYTHING, NOTHING = True, False
HOLD = Delivery(consent=["marketing"], without_consent="hold")


@pytest.mark.parametrize(
    ("consent", "answer"),
    [
        (True, True),
        (False, False),
        (None, None),
        ({}, None),
        ({"marketing": True}, None),
        ({"marketing": True, "statistics": True}, True),
        ({"marketing": True, "statistics": False}, False),
        ({"statistics": False}, False),
        ({"marketing": True, "statistics": True, "other": False}, True),
    ],
)
def test_consent_covers_all_that_is_asked_for_or_says_nothing(
    consent: Consent | None, answer: object
) -> None:
    """One no is a no; who does not speak has not agreed."""
    assert has_consent(consent, ["marketing", "statistics"]) is answer


async def test_each_destination_gets_what_it_may_get() -> None:
    """One asks for nothing, one for a purpose; what is denied or not said is dropped, and counted."""
    async with Collector() as collector:
        free = RudderStack("K", collector.url, name="free")
        asks = RudderStack(
            "K2", collector.url, path="/x/v1/batch", name="asks", delivery=Delivery(consent=["ads"])
        )
        async with AsyncAnalytics(free, asks) as analytics:
            said = analytics.track("Yes", user_id="u", consent={"ads": True})
            denied = analytics.track("No", user_id="u", consent={"ads": False})
            unsaid = analytics.track("Nothing", user_id="u")
            with analytics.bind(consent=True):
                bound = analytics.track("Bound", user_id="u")
            outcome = await denied.delivered()
            assert (outcome.state, outcome.reason) == (State.DROPPED, "consent")
            await analytics.flush()
            assert [one.outcomes["asks"].state for one in (said, denied, unsaid, bound)] == [
                State.DELIVERED,
                State.DROPPED,
                State.DROPPED,
                State.DELIVERED,
            ]
            counts = analytics.statistics().destinations
            assert (counts["free"].delivered, counts["asks"].delivered) == (4, 2)
            assert counts["asks"].dropped_reasons == {"consent": 2}
            assert adds_up(analytics.statistics())


async def test_what_is_held_goes_once_its_user_agrees() -> None:
    """In the order of the calls; other users' events wait on; a flush does not wait for any."""
    async with Collector() as collector:
        asks = RudderStack("K", collector.url, name="asks", delivery=HOLD)
        async with AsyncAnalytics(asks) as analytics:
            mine = [analytics.track(f"{n}", user_id=7, anonymous_id="a") for n in range(3)]
            other = analytics.track("Other", user_id="else")
            denied = analytics.track("Denied", user_id="else", consent={"marketing": False})
            assert denied.state is State.DROPPED
            assert other.outcomes["asks"].reason == "consent"
            result = await analytics.flush()
            assert (result.pending, analytics.pending) == (4, 4)
            assert adds_up(analytics.statistics())
            waiting = asyncio.create_task(mine[0].delivered())
            await asyncio.sleep(0)
            assert analytics.consent({"statistics": True}, user_id="7") == 0
            assert analytics.consent({"marketing": True}, user_id="7") == 3
            assert (await waiting).state is State.DELIVERED
            await analytics.flush()
            assert [event.body["event"] for event in collector.events] == ["0", "1", "2"]
            assert analytics.pending == 1
        assert other.state is State.DROPPED
        assert analytics.statistics().dropped_reasons == {"consent": 2}
        assert adds_up(analytics.statistics())


async def test_a_no_drops_what_was_held() -> None:
    """For the purpose that is asked for, or for everything."""
    asks = RudderStack("K", "http://127.0.0.1:9", name="asks", delivery=HOLD)
    async with AsyncAnalytics(asks) as analytics:
        first = analytics.track("A", anonymous_id="a")
        second = analytics.track("B", anonymous_id="b")
        assert analytics.consent({"marketing": False}, anonymous_id="a") == 0
        assert analytics.consent(NOTHING, anonymous_id="b") == 0
        assert (first.state, second.state) == (State.DROPPED, State.DROPPED)
        assert analytics.pending == 0


async def test_what_is_held_is_bounded_in_number() -> None:
    """The oldest goes first, with its reason."""
    few = Delivery(consent=["ads"], without_consent="hold", max_held_events=2)
    asks = RudderStack("K", "http://127.0.0.1:9", name="asks", delivery=few)
    async with AsyncAnalytics(asks) as analytics:
        receipts = [analytics.track(f"{n}", user_id="u") for n in range(5)]
        assert [one.state for one in receipts] == [State.DROPPED] * 3 + [State.PENDING] * 2
        assert analytics.statistics().dropped_reasons == {"consent": 3}


async def test_whoever_waits_for_an_event_that_is_let_go_hears_of_it() -> None:
    """Because another one takes its place, or because its time is over."""
    few = Delivery(consent=["ads"], without_consent="hold", max_held_events=1, max_held_age=0.2)
    asks = RudderStack("K", "http://127.0.0.1:9", name="asks", delivery=few)
    async with AsyncAnalytics(asks) as analytics:
        first = analytics.track("First", user_id="u")
        waiting = asyncio.create_task(first.delivered(10))
        await asyncio.sleep(0)
        second = analytics.track("Second", user_id="u")
        assert (await waiting).reason == "consent"
        assert (await second.delivered(10)).reason == "consent"


def test_what_is_held_is_bounded_in_age() -> None:
    """It goes when somebody comes by after its time."""
    late = Delivery(consent=["ads"], without_consent="hold", max_held_age=0.0)

    async def main() -> None:
        analytics = AsyncAnalytics(destination("here", late), transport=Gateway())
        old = analytics.track("Old", user_id="u", properties={"n": 1})
        assert analytics.consent(EVERYTHING, user_id="u") == 0
        assert old.state is State.DROPPED
        await analytics.shutdown()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())


async def test_threads_may_hold_and_release() -> None:
    """Calls and consent from eight threads; every event arrives or is pending, once."""
    async with Collector() as collector:
        asks = RudderStack(
            "K",
            collector.url,
            name="asks",
            delivery=Delivery(consent=["x"], without_consent="hold", max_held_events=10_000),
        )
        async with AsyncAnalytics(asks) as analytics:

            def work(user: str) -> None:
                for number in range(200):
                    analytics.track(f"{number}", user_id=user)
                    if number % 10 == 9:
                        analytics.consent({"x": True}, user_id=user)

            threads = [threading.Thread(target=work, args=(f"u{n}",)) for n in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                await asyncio.to_thread(thread.join)
            result = await analytics.flush()
            assert (result.pending, len(collector.events)) == (0, 1_600)
            assert adds_up(analytics.statistics())


def test_consent_without_a_user_or_of_a_wrong_kind_is_refused() -> None:
    """Naming field and rule, as every call does."""
    analytics = AsyncAnalytics(destination("here", HOLD), transport=Gateway())
    with pytest.raises(ValidationError, match="needs one of them"):
        analytics.consent(EVERYTHING)
    with pytest.raises(ValidationError, match="consent: a bool"):
        analytics.consent({"marketing": 1}, user_id="u")  # type: ignore[dict-item]
    with pytest.raises(ValidationError, match="user_id: a text or a number"):
        analytics.consent(EVERYTHING, user_id=[1])  # type: ignore[arg-type]


@given(
    st.lists(
        st.tuples(st.sampled_from(["call", "grant", "deny", "other"]), st.sampled_from(["a", "b"])),
        max_size=30,
    )
)
def test_no_event_goes_without_a_yes(deeds: list[tuple[str, str]]) -> None:
    """Against a model: what was called since the last answer of its user waits."""

    async def main() -> None:
        gateway = Gateway()
        analytics = AsyncAnalytics(destination("here", HOLD), transport=gateway)
        waiting: dict[str, list[int]] = {"a": [], "b": []}
        going: list[int] = []
        for number, (deed, user) in enumerate(deeds):
            if deed == "call":
                analytics.track("Step", user_id=user, properties={"n": number})
                waiting[user].append(number)
            elif deed == "other":
                assert analytics.consent({"other": True}, user_id=user) == 0
            else:
                grant = deed == "grant"
                released = analytics.consent({"marketing": grant}, user_id=user)
                assert released == (len(waiting[user]) if grant else 0)
                going += waiting[user] if grant else []
                waiting[user] = []
            assert analytics.statistics().pending >= sum(map(len, waiting.values()))
            assert adds_up(analytics.statistics())
        await analytics.shutdown()
        assert gateway.arrived() == going

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())
