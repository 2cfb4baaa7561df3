"""What a request tells is read when a call asks, once; what cannot be read hurts nobody."""

import pytest

from asyncsdk import AnalyticsError, AsyncAnalytics, RudderStack
from asyncsdk.collector import Collector, Fault
from asyncsdk.hosting.lending import Lending, tell_page
from asyncsdk.visits import ContextRules
from asyncsdk.visits.reading import Facts, Reader


class Asked:
    """A request that counts how often it is read, and whose route comes late."""

    def __init__(self) -> None:
        self.reads = 0
        self.template: str | None = None

    def facts(self) -> Facts:
        """Tell it, and count."""
        self.reads += 1
        return Facts("/items/7", "", {}, "GET")

    def route(self) -> str | None:
        """Tell what is known by now."""
        return self.template


class Unreadable(Asked):
    """A request of a server that keeps to no standard."""

    def facts(self) -> Facts:
        """Fail like a missing key."""
        raise KeyError("headers")


def test_a_request_is_read_once_and_not_before_a_call() -> None:
    """Most requests have no events, and those that have some often have several."""
    request = Asked()
    lending = Lending(Reader(ContextRules()), request)
    assert request.reads == 0
    assert lending() is lending()
    assert request.reads == 1


def test_a_route_that_comes_late_is_in_the_events_after_it() -> None:
    """A middleware tracks before the router was asked, an endpoint after."""
    request = Asked()
    lending = Lending(Reader(ContextRules()), request)
    before = lending().context
    request.template = "/items/{item}"
    after = lending().context
    assert before == {"page": {"path": "/items/7"}, "request": {"method": "GET"}}
    assert after == {
        "page": {"path": "/items/7"},
        "request": {"method": "GET", "route": "/items/{item}"},
    }
    assert (request.reads, lending().context is after) == (1, True)


async def test_a_request_that_cannot_be_read_keeps_its_events(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """They are told nothing of it; it is said once, not with each request."""
    async with Collector() as collector:
        async with AsyncAnalytics(RudderStack("planted-key", collector.url)) as client:
            for _ in range(2):
                with client.bind_from(Lending(Reader(ContextRules()), Unreadable())):
                    client.track("E", user_id="u")
                    client.track("E", user_id="u")
        assert [one.body["context"].keys() for one in collector.events] == [{"library"}] * 4
    assert [record.message for record in caplog.records] == [
        "a request's context cannot be read (KeyError); it is said once"
    ]


async def test_a_page_that_cannot_be_tracked_is_left_out() -> None:
    """Nobody is known: the answer has begun, so there is nobody to complain to."""
    async with Collector() as collector:
        async with AsyncAnalytics(RudderStack("planted-key", collector.url)) as client:
            lending = Lending(Reader(ContextRules()), Asked())
            with client.bind_from(lending):
                tell_page(client, lending)
                with client.bind(anonymous_id="a"):
                    tell_page(client, lending)
        (page,) = [one.body for one in collector.events]
    assert (page["name"], page["anonymousId"]) == ("/items/7", "a")


async def test_a_run_that_a_request_starts_is_not_that_requests() -> None:
    """It outlives it by days, and what hooks track in it is of another request, or of none."""
    async with Collector() as collector:
        collector.script(Fault(kind="status", status=400, times=1))

        def complain(_error: AnalyticsError) -> None:
            client.track("Complaint", anonymous_id="operator")

        client = AsyncAnalytics(RudderStack("planted-key", collector.url), on_error=complain)
        with client.bind_from(Lending(Reader(ContextRules()), Asked())), client.bind(user_id="u"):
            receipt = client.track("E")  # nobody has started the client
            await client.flush()
        assert receipt.state == "rejected"
        await client.shutdown()
        (complaint,) = [one.body for one in collector.events]
    assert (complaint.get("userId"), complaint["anonymousId"]) == (None, "operator")
    assert complaint["context"].keys() == {"library"}
