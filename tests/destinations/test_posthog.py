"""PostHog's own: what a value of it may hold, and what its answers mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest

from asyncsdk import ConfigurationError, PostHog, __version__
from asyncsdk.destinations import Secret
from asyncsdk.messages import Message
from asyncsdk.options import Delivery, resolve
from asyncsdk.seams import Encoded, Fate, Unsupported
from asyncsdk.wire.encoding import decode
from tests.destinations.making import KEY, NOW, POSTHOG, answer, message

PERSONAL = "phx_planted-personal-key-1234"


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("https://app.posthog.com", "https://us.i.posthog.com"),
        ("https://us.posthog.com/", "https://us.i.posthog.com"),
        ("https://eu.posthog.com", "https://eu.i.posthog.com"),
        ("https://EU.posthog.com", "https://eu.i.posthog.com"),
        ("https://eu.i.posthog.com", "https://eu.i.posthog.com"),
        ("https://ph.example.com", "https://ph.example.com"),
    ],
)
def test_the_addresses_of_web_pages_become_those_that_take_events(given: str, host: str) -> None:
    """What happens when the address was copied from the browser?"""
    destination = PostHog(KEY, host=given)
    assert destination.host == host
    assert destination.address("/flags/") == f"{host}/flags"
    request = destination.request("events", b"{}", encoding=None, key="k", attempt=1)
    assert request.url == f"{host}/batch/"
    assert destination.name == PostHog(KEY, host=host).name


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("personal_api_key", ""),
        ("personal_api_key", "has blanks"),
        ("personal_api_key", 5),
        ("feature_flags_polling_interval", 0),
        ("feature_flags_polling_interval", "30"),
        ("flags_timeout", 0),
        ("max_cache_size", 0),
        ("max_definitions_bytes", 1.5),
        ("flag_definitions", ""),
        ("flag_definitions", 5),
        ("flag_definitions", {"flags": []}),
        ("only_evaluate_locally", "yes"),
        ("historical_migration", 1),
        ("disable_geoip", None),
        ("is_server", None),
        ("host", "http://ph.example.com"),
        ("host", None),
    ],
    ids=repr,
)
def test_a_field_that_cannot_be_right_is_refused_when_it_is_made(field: str, value: Any) -> None:
    """The error names the field."""
    with pytest.raises(ConfigurationError, match=f"^{field}"):
        PostHog(KEY, **{field: value})


def test_no_polling_can_be_asked_for() -> None:
    """What happens when definitions are to be fetched by hand only?"""
    assert PostHog(KEY, feature_flags_polling_interval=None).feature_flags_polling_interval is None


def test_definitions_are_a_path_or_what_is_in_the_file() -> None:
    """The value stays hashable, and its text does not show them."""
    named = PostHog(KEY, flag_definitions="flags.json")
    assert named.flag_definitions == Path("flags.json")
    assert named == PostHog(KEY, flag_definitions=Path("flags.json"))
    read = PostHog(KEY, flag_definitions=b'{"flags": []}')
    assert read.flag_definitions == b'{"flags": []}'
    assert len({named, read}) == 2
    assert "flags" not in repr(read).replace("flags_timeout", "").replace("feature_flags", "")


def test_keys_are_secrets_and_the_personal_one_names_no_lane() -> None:
    """A key that is changed for flags must not leave stored events behind."""
    destination = PostHog(KEY, personal_api_key=PERSONAL)
    assert (destination.api_key, destination.personal_api_key) == (Secret(KEY), Secret(PERSONAL))
    assert destination.name == PostHog(KEY).name


def sent(one: Message, destination: PostHog = POSTHOG) -> dict[str, Any]:
    """Return a message's event as it goes on the wire."""
    made = destination.encode(one)
    assert isinstance(made, Encoded)
    body = destination.body(made.route, [made.data], sent_at=NOW)
    (event,) = decode(body)["batch"]
    found: dict[str, Any] = event
    return found


def own(one: Message) -> dict[str, Any]:
    """Return an event's properties without those that every event has."""
    every = sent(message())["properties"]
    return {name: v for name, v in sent(one)["properties"].items() if name not in every}


def test_the_least_event_has_what_the_sdks_put_there() -> None:
    """Name, whose, when, and who says so."""
    assert sent(message()) == {
        "event": "E",
        "distinct_id": "u-1",
        "timestamp": NOW,
        "uuid": str(uuid5(UUID("5c1b8f52-6f0b-5d0e-9f4a-6a1f2f8f3a10"), "m-1")),
        "properties": {
            "$lib": "asyncsdk",
            "$lib_version": __version__,
            "$is_server": True,
            "$geoip_disable": True,
        },
    }


def test_a_message_id_that_is_no_uuid_becomes_one_and_stays_known_here() -> None:
    """What happens to my own ids? The same id is the same event, and letters have my word for it."""
    odd = POSTHOG.encode(message(message_id='order-17 "a"', properties={"event": {"event": 1}}))
    again = POSTHOG.encode(message(message_id='order-17 "a"'))
    other = POSTHOG.encode(message(message_id="order-18"))
    assert isinstance(odd, Encoded)
    assert isinstance(again, Encoded)
    assert isinstance(other, Encoded)
    events = [odd.data, again.data, other.data]
    wire = decode(POSTHOG.body("events", events, sent_at=NOW))["batch"]
    assert wire[0]["uuid"] == wire[1]["uuid"] != wire[2]["uuid"]
    assert UUID(wire[0]["uuid"]).version == 5
    assert "message_id" not in wire[0]
    assert POSTHOG.identity("events", odd.data) == ('order-17 "a"', NOW)


@pytest.mark.parametrize("given", [str(UUID(int=7)), "0199C3A0-0000-7000-8000-00000000000A"])
def test_a_message_id_that_is_a_uuid_is_sent(given: str) -> None:
    """In whatever case it is written."""
    made = POSTHOG.encode(message(message_id=given))
    assert isinstance(made, Encoded)
    assert sent(message(message_id=given))["uuid"] == given
    assert POSTHOG.identity("events", made.data) == (given, NOW)


def test_an_event_of_nobody_makes_no_person() -> None:
    """Each is somebody else's: its own id stands where the user's would."""
    event = sent(message(user_id=None, message_id=str(UUID(int=7)), personless=True))
    assert event["distinct_id"] == event["uuid"] == str(UUID(int=7))
    assert event["properties"]["$process_person_profile"] is False
    assert "$process_person_profile" not in sent(message())["properties"]


def test_an_anonymous_id_is_a_distinct_id_of_its_own() -> None:
    """It names somebody, only not by name."""
    event = sent(message(user_id=None, anonymous_id="a-1"))
    assert event["distinct_id"] == "a-1"
    assert "$process_person_profile" not in event["properties"]


def test_an_identify_joins_who_was_anonymous() -> None:
    """Otherwise what they did before they signed in stays a stranger's."""
    both = message("identify", anonymous_id="a-1", traits={"plan": "pro"})
    assert own(both) == {"$set": {"plan": "pro"}, "$set_once": {}, "$anon_distinct_id": "a-1"}
    same = message("identify", anonymous_id="u-1", traits={"plan": "pro"})
    assert "$anon_distinct_id" not in own(same)
    alone = sent(message("identify", user_id=None, anonymous_id="a-1"))
    assert (alone["distinct_id"], "$anon_distinct_id" in alone["properties"]) == ("a-1", False)


@pytest.mark.parametrize(
    ("traits", "sets", "sets_once"),
    [
        (None, {}, {}),
        ({"a": 1}, {"a": 1}, {}),
        ({"$set": {"a": 1}}, {"a": 1}, {}),
        ({"a": 1, "$set_once": {"b": 2}}, {"a": 1}, {"b": 2}),
        ({"$set": {"a": 1}, "$set_once": {"b": 2}, "c": 3}, {"a": 1}, {"b": 2}),
    ],
)
def test_traits_may_say_what_is_set_once(traits: Any, sets: Any, sets_once: Any) -> None:
    """As posthog-node reads the properties of an identify."""
    assert own(message("identify", traits=traits)) == {"$set": sets, "$set_once": sets_once}


def test_a_page_has_its_address_under_the_name_that_posthog_looks_for() -> None:
    """From its properties, or from the page that the context names; `$current_url` itself wins."""
    url = "https://example.com/a"
    named = message("page", name="A", category="Docs", properties={"url": url})
    facts = {"url": url, "$current_url": url, "name": "A", "category": "Docs"}
    assert own(named) == facts
    placed = message("page", context={"page": {"url": url, "referrer": "r"}})
    assert own(placed) == {"$current_url": url, "$referrer": "r"}
    said = message("page", properties={"$current_url": "own", "url": url, "name": "N"}, name="A")
    assert own(said) == {"$current_url": "own", "url": url, "name": "N"}
    assert own(message("page", context={"page": "none"})) == {"context": {"page": "none"}}


def test_a_screen_has_its_name() -> None:
    """Twice: as PostHog's mobile SDKs call it, and as the call does."""
    assert own(message("screen")) == {}
    assert own(message("screen", name="Home")) == {"name": "Home", "$screen_name": "Home"}


def test_a_group_is_a_company_unless_it_says_what_it_is() -> None:
    """A group's own event, with the user who belongs to it."""
    event = sent(message("group", group_id=7, traits={"seats": 3}))
    assert (event["event"], event["distinct_id"]) == ("$groupidentify", "u-1")
    facts = {"$group_type": "company", "$group_key": "7", "$group_set": {"seats": 3}}
    assert own(message("group", group_id=7, traits={"seats": 3})) == facts
    other = message("group", group_id="x", group_type="team")
    assert own(other) == {"$group_type": "team", "$group_key": "x", "$group_set": {}}


def test_an_alias_needs_two_ids() -> None:
    """The one from now on, and the one until now or the anonymous one."""
    assert own(message("alias", previous_id="p", anonymous_id="a"))["alias"] == "p"
    assert own(message("alias", anonymous_id="a"))["alias"] == "a"
    assert isinstance(POSTHOG.encode(message("alias")), Unsupported)


def test_flags_become_properties() -> None:
    """By name, or in the form that a snapshot has them ready in."""
    facts = {"$feature/a": True, "$feature/b": "test", "$feature/c": False, "$feature/d": None}
    active = ["a", "b"]
    named = message(flags={"a": True, "b": "test", "c": False, "d": None})
    assert own(named) == {**facts, "$active_feature_flags": active}
    ready = message(flags={**facts, "$active_feature_flags": active})
    assert own(ready) == own(named)
    assert own(message(flags={})) == {}


def test_what_the_context_says_stands_under_posthogs_names() -> None:
    """What has no such name is kept whole; the event's own properties win."""
    context = {
        "ip": "192.0.2.1",
        "userAgent": "curl",
        "campaign": {"name": "spring", "id": 5},
        "os": {"name": "Linux"},
        "shop": {"city": "Bern"},
        "arch": "x86_64",
    }
    facts = own(message(context=context, properties={"$os": "mine"}, session_id=5, groups={}))
    assert facts == {
        "$ip": "192.0.2.1",
        "$raw_user_agent": "curl",
        "utm_campaign": "spring",
        "$os": "mine",
        "$session_id": "5",
        "context": {"campaign": {"id": 5}, "shop": {"city": "Bern"}, "arch": "x86_64"},
    }


@pytest.mark.parametrize("default", [True, False])
@pytest.mark.parametrize("said", [None, True, False])
def test_who_says_whether_the_address_is_looked_up(*, default: bool, said: bool | None) -> None:
    """The call, else the destination; a server's address is not the user's."""
    destination = PostHog(KEY, disable_geoip=default)
    properties = sent(message(disable_geoip=said), destination)["properties"]
    assert properties.get("$geoip_disable", False) is (default if said is None else said)


def test_what_we_say_of_ourselves_cannot_be_said_otherwise() -> None:
    """Whoever reads the events must know where they came from."""
    facts = {"$lib": "web", "$lib_version": "0", "$is_server": False, "$geoip_disable": False}
    assert sent(message(properties=facts))["properties"] == sent(message())["properties"]
    assert "$is_server" not in sent(message(), PostHog(KEY, is_server=False))["properties"]


def test_a_migration_says_so_in_every_body() -> None:
    """PostHog then takes events of any age, and takes its time."""
    assert "historical_migration" not in decode(POSTHOG.body("events", [b'{"a":1'], sent_at=NOW))
    body = PostHog(KEY, historical_migration=True).body("events", [b'{"a":1'], sent_at=NOW)
    assert decode(body) == {
        "api_key": KEY,
        "batch": [{"a": 1}],
        "sent_at": NOW,
        "historical_migration": True,
    }


def test_a_yes_of_a_project_without_quota_is_told() -> None:
    """The events are taken and thrown away: nobody should find that out from the charts."""
    limited = b'{"status": "Ok", "quota_limited": ["events", "recordings"]}'
    verdict = POSTHOG.judge("events", answer(200, limited), 3)
    assert verdict.fate is Fate.DELIVERED
    assert verdict.reason == (
        "the project's quota is used up (events, recordings): PostHog takes events and drops them"
    )
    odd = POSTHOG.judge("events", answer(200, b'{"quota_limited": ["<planted>", {}]}'), 3)
    assert odd.reason == "the project's quota is used up: PostHog takes events and drops them"
    for body in (b'{"status": "Ok"}', b'{"quota_limited": []}', b"[]", b"no JSON", b""):
        assert POSTHOG.judge("events", answer(200, body), 3).reason == ""


def test_a_server_that_repeats_the_personal_key_does_not_show_it() -> None:
    """It is not even sent with events; a proxy may know it all the same."""
    destination = PostHog(KEY, personal_api_key=PERSONAL)
    echo = f"unknown keys {KEY} {PERSONAL}".encode()
    reason = destination.judge("events", answer(401, echo), 1).reason
    assert reason == f"unknown keys {Secret(KEY)} {Secret(PERSONAL)}"


def test_the_limits_are_those_of_the_sdks() -> None:
    """100 events, far below 5 MiB; what is larger than 900 KiB is named and sent."""
    limits = POSTHOG.routes["events"]
    assert (limits.max_events, limits.max_bytes) == (100, 5 * 1024 * 1024)
    assert limits.warn_event_bytes == 900 * 1024


def test_the_defaults_are_those_of_the_page() -> None:
    """PostHog's page about its Node SDK, and of today's SDKs what it does not name."""
    settled = resolve(Delivery(), Delivery(), POSTHOG.defaults)
    assert (settled.flush_at, settled.flush_interval, settled.timeout) == (20, 10.0, 10.0)
    assert (settled.max_batch_events, settled.max_batch_bytes) == (100, 1_000_000)
    assert settled.gzip
