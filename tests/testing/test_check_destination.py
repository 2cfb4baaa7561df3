"""The conformance kit: it lets ours and honest ones pass, and catches each broken promise."""

from __future__ import annotations

import time
from typing import Any

import pytest
from msgspec import structs

from asyncsdk import GetFluxly, Inslytic, PostHog, RudderStack, Segment
from asyncsdk.seams import Destination, Fate, HttpResponse, RouteLimits, Verdict
from asyncsdk.testing import check_destination
from tests.testing.broken import BROKEN
from tests.testing.honest import EVENTS, KEY, SINGLE, Honest, changed

JOINED = HttpResponse(status=200, body=b'{"alias":{}}')
OURS = [
    RudderStack(KEY, "https://data.example.com"),
    RudderStack(KEY, "http://10.0.0.1", allow_insecure_http=True),
    Segment(KEY),
    Segment(KEY, host="http://127.0.0.1:8080"),
    PostHog(KEY, personal_api_key=f"phx_{KEY}"),
    PostHog(KEY, historical_migration=True, disable_geoip=False, is_server=False),
    Inslytic(KEY),
    Inslytic(KEY, stringify_properties=False, identify_traits_in="traits"),
    GetFluxly(KEY),
    GetFluxly(KEY, identify_form="$identify", timestamp_field="timestamp"),
]


@pytest.mark.parametrize("destination", OURS, ids=lambda one: one.name)
def test_each_of_ours_keeps_every_promise(destination: Destination) -> None:
    """A system that is added later must pass as well."""
    check_destination(destination, accepted={"alias": JOINED})


def test_an_honest_one_passes() -> None:
    """What is broken below is broken in this one, so nothing else fails there."""
    check_destination(Honest())
    check_destination(changed())


def test_it_is_quick_enough_for_every_run() -> None:
    """A check that takes long is left out."""
    started = time.process_time()
    check_destination(Honest())
    assert time.process_time() - started < 5.0


EACH = [
    pytest.param(members, words, id=f"{group}: {title}")
    for group, table in BROKEN.items()
    for title, (members, words) in table.items()
]


@pytest.mark.parametrize(("members", "words"), EACH)
def test_each_broken_promise_is_caught(members: dict[str, Any], words: str) -> None:
    """By name, so that whoever wrote it knows where to look; the key is not in the words."""
    with pytest.raises(AssertionError, match=f"^Changed: .*{words}") as caught:
        check_destination(changed(**members))
    assert KEY not in str(caught.value)


def test_a_secret_of_no_known_type_can_be_named() -> None:
    """A plain text field may be a key as well."""
    plain = changed(__repr__=lambda _: "Changed('another-key-1')")
    check_destination(plain)
    with pytest.raises(AssertionError, match="its repr shows the key"):
        check_destination(plain, secrets=["another-key-1"])


def test_a_key_that_is_found_everywhere_is_refused() -> None:
    """With the key "a" every word shows it."""
    with pytest.raises(AssertionError, match="8 or more characters"):
        check_destination(Segment("a"))


def test_a_yes_of_its_own_can_be_given() -> None:
    """Some systems say yes in words."""
    with pytest.raises(AssertionError, match="accepted="):
        check_destination(GetFluxly(KEY))


def test_a_single_event_may_be_refused_by_its_status() -> None:
    """Where a request carries one, nobody else is burnt: neither by 400 nor by 401."""
    one = RouteLimits(max_events=1, max_bytes=500_000)

    def judge(self: Honest, route: str, response: HttpResponse, count: int) -> Verdict:
        verdict = Honest.judge(self, route, response, count)
        no = response.status in (400, 401, 413)
        return structs.replace(verdict, fate=Fate.NEVER) if no else verdict

    check_destination(changed(judge=judge, routes={EVENTS: one, SINGLE: one}))
