"""Calls: where ours differ from the original's on purpose, and the original's behaviour on request."""

from typing import Any

import pytest

from asyncsdk import Message
from asyncsdk.mapping import Mapping, Memory, Stamp, calls, merge, process, resolve
from tests.mapping.events import event, of_rule

ALL = {
    "identify": {"map": {"traits": {"map": {"plan": "user.plan"}}}},
    "group": {"map": {"groupId": "data.company"}},
    "page": True,
    "screen": {"map": {"name": "data.id", "properties": {"map": {"a": {"value": 1}}}}},
    "alias": {"map": {"previousId": "data.old"}},
}


def said(mapping: Mapping, *events: dict[str, Any], memory: Memory | None = None) -> list[Message]:
    """Return the calls of *events*, in order."""
    memory = mapping.memory() if memory is None else memory
    return [one for each in events for one in calls(each, mapping, memory)]


def test_all_calls_of_an_event_come_in_one_order() -> None:
    """What comes first? identify, group, page, screen, alias, track, whatever the file's order."""
    shuffled = dict(reversed(ALL.items()))
    found = said(of_rule({"settings": shuffled}), event(data={"company": "c", "old": "o"}))
    kinds = ["identify", "group", "page", "screen", "alias", "track"]
    assert [one.type for one in found] == kinds
    assert {one.timestamp for one in found} == {"2023-11-14T22:13:20.000Z"}
    assert [one.anonymous_id for one in found] == ["visitor-1"] * 4 + [None, "visitor-1"]


def test_message_ids_come_from_the_events_id() -> None:
    """What if the same event is pushed twice? Its calls have the same ids, so servers see a repeat."""
    mapping = of_rule({"settings": {"page": True}})
    once, again = said(mapping, event()), said(mapping, event())
    assert [one.message_id for one in once] == ["event-1-page", "event-1"]
    assert once == again
    assert [one.message_id for one in said(mapping, event(id=17))] == ["17-page", "17"]


@pytest.mark.parametrize("wrong", [None, "", 0, [], "x" * 257, float("nan")])
def test_an_event_without_a_usable_id_gets_a_fresh_one(wrong: Any) -> None:
    """A very long id, or none, is not taken over."""
    stamp = Stamp(message_id="fresh", now="2026-01-01T00:00:00.000Z")
    (track,) = calls(event(id=wrong), Mapping({}), Memory(), stamp=stamp)
    assert (track.message_id, track.original_timestamp) == ("fresh", stamp.now)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (1_700_000_000_000, "2023-11-14T22:13:20.000Z"),
        (1_700_000_000_123.7, "2023-11-14T22:13:20.123Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        ("2026-01-02T03:04:05+01:00", "2026-01-02T02:04:05.000Z"),
        (0, None),
        (None, None),
        ("soon", None),
        (True, None),
        (10**20, None),
        (-(10**20), None),
        (float("nan"), None),
    ],
)
def test_times_are_milliseconds_or_rfc_3339(given: Any, text: str | None) -> None:
    """What of zero, or nonsense? The call's own time counts then, as in the original."""
    (track,) = calls(event(timestamp=given), Mapping({}), Memory())
    assert track.timestamp == text


def test_numeric_ids_become_text() -> None:
    """My user ids are numbers: are those users lost? In the original, silently; here they are text."""
    rule = {
        "settings": {
            "group": {"map": {"groupId": {"value": 7}}},
            "alias": {"map": {"previousId": {"value": 8}}},
            "identify": {"map": {"userId": {"value": 9}}},
        }
    }
    one = event(user={"id": 42, "session": 4.0})
    found = said(of_rule(rule), one)
    assert [(call.user_id, call.anonymous_id) for call in found] == [
        ("9", "4"),
        ("42", "4"),
        ("42", None),
        ("42", "4"),
    ]
    assert (found[1].group_id, found[2].previous_id) == ("7", "8")
    original = Mapping({"mapping": {"order": {"complete": rule}}}, compat="walkeros")
    assert said(original, one) == []


def test_ids_are_looked_up_where_the_settings_say() -> None:
    """By default in the user; else by any mapping value, and with null nowhere."""
    one = event(data={"login": "l-1", "device": "d-1"})
    ways: list[tuple[dict[str, Any], tuple[str | None, str | None]]] = [
        ({}, ("user-1", "visitor-1")),
        ({"userId": "data.login", "anonymousId": "data.device"}, ("l-1", "d-1")),
        ({"userId": ["data.nope", "data.login"], "anonymousId": {"value": "v"}}, ("l-1", "v")),
        ({"userId": None}, (None, "visitor-1")),
        ({"anonymousId": ""}, ("user-1", None)),
    ]
    for told, expected in ways:
        (track,) = said(Mapping({"settings": told}), one)
        assert (track.user_id, track.anonymous_id) == expected


@pytest.mark.parametrize("nobody", [{}, {"id": ""}, {"id": 0}, {"id": True}, {"id": [1]}, None])
def test_an_event_of_nobody_leads_to_no_call(nobody: Any) -> None:
    """No id, no call: a server would refuse it, and the rest of its batch."""
    assert said(Mapping({}), event(user=nobody)) == []


def test_an_alias_without_a_user_is_skipped_and_counted() -> None:
    """The original hands it to an SDK that raises; ours says the rest of the event."""
    mapping = of_rule({"settings": {"alias": {"map": {"previousId": "data.id"}}}})
    called = mapping.call(event(user={"session": "v"}), mapping.memory(), Stamp())
    assert ([one.type for one in called.messages], called.skipped) == (["track"], 1)
    original = Mapping(
        {"mapping": {"*": {"*": {"settings": {"alias": {"map": {"previousId": "data.id"}}}}}}},
        compat="walkeros",
    )
    alias, _ = said(original, event(user={"session": "v"}))
    assert (alias.type, alias.user_id, alias.previous_id) == ("alias", None, "o-1")


def test_integrations_are_passed_through() -> None:
    """The original takes them and uses them nowhere."""
    config: dict[str, Any] = {"settings": {"integrations": {"All": True, "Mixpanel": False}}}
    (track,) = said(Mapping(config), event())
    assert track.integrations == {"All": True, "Mixpanel": False}
    (track,) = said(Mapping(config, compat="walkeros"), event())
    assert track.integrations is None


def test_consent_on_a_rule_is_asked_for() -> None:
    """The original declares it and sends anyway."""
    rule = {"consent": {"marketing": True}}
    config = {"mapping": {"order": {"complete": rule}}}
    for state, count in ((None, 0), ({"marketing": False}, 0), ({"marketing": True}, 1)):
        assert len(said(Mapping(config), event(consent=state))) == count
    assert len(said(Mapping(config, compat="walkeros"), event())) == 1


@pytest.mark.parametrize("compat", [None, "walkeros"])
def test_consent_of_the_whole_is_asked_for_in_both(compat: Any) -> None:
    """One of the purposes is enough; what is around the event counts where it is silent."""
    mapping = Mapping({"consent": {"a": True, "b": True}}, compat=compat)
    memory = mapping.memory()

    def allowed(own: Any, around: Any) -> bool:
        return bool(calls(event(consent=own), mapping, memory, consent=around))

    assert allowed({"b": True}, None)
    assert allowed({"x": True}, {"a": True})
    assert not allowed({"a": False}, {"a": True})
    assert not allowed(None, None)
    assert not allowed({"x": True}, {"y": True})


def test_consent_of_the_collector_counts_last() -> None:
    """The event's own is laid over what is around it, and that replaces the collector's."""
    config = {"consent": {"a": True}, "data": {"map": {"x": {"value": 1, "consent": {"a": True}}}}}
    asks = {"map": {"x": {"key": "data.id", "consent": {"a": True}}}}
    yes, no = {"a": True}, {"a": False}
    memory = Mapping(config).memory()
    for around, collector, granted in ((None, yes, True), (no, yes, False), (yes, no, True)):
        both: Any = {"consent": around, "collector_consent": collector}
        assert bool(calls(event(), config, memory, **both)) is granted
        assert bool(process(event(), {"data": asks}, **both).data) is granted
        assert bool(resolve(event(), asks, **both)) is granted


@pytest.mark.parametrize("compat", [None, "walkeros"])
def test_a_rule_can_switch_a_call_off(compat: Any) -> None:
    """False, as the original takes it: also for what all events would say; null leaves it so."""
    common = {"identify": {"map": {}}, "group": {"map": {"groupId": {"value": "g"}}}}
    for settings, kinds in (
        ({"identify": False, "page": False}, ["group", "track"]),
        ({"identify": None, "page": None}, ["identify", "group", "track"]),
    ):
        rules = {"order": {"complete": {"settings": settings}}}
        mapping = Mapping({"settings": common, "mapping": rules}, compat=compat)
        assert [one.type for one in said(mapping, event())] == kinds


def test_why_nothing_was_said_is_told() -> None:
    """Ignored by a rule, silent, nobody's, refused, or not yet: each has its word."""
    memory = Memory()

    def why(rule: Any, **fields: Any) -> str:
        return of_rule(rule).call(event(**fields), memory, Stamp()).why

    asks = {"consent": {"a": True, "b": True}}
    assert why({"ignore": True}) == "ignored"
    assert why({"silent": True}) == "silent"
    assert why({}, user={}) == "nobody"
    assert why(asks, user={}) == "nobody"
    assert why(asks) == "awaits_consent"
    assert why(asks, consent={"a": False}) == "awaits_consent"
    assert why(asks, consent={"a": False, "b": False}) == "consent"


def test_skip_is_the_older_name_of_silent() -> None:
    """My file still says skip, as the destination's page does: it is taken for silent."""
    mapping = of_rule({"skip": True, "settings": {"page": True}})
    assert [one.type for one in said(mapping, event())] == ["page"]
    assert mapping.warnings == (
        'rules.order.complete.skip: is called "silent" now; it is taken for that',
    )


def test_a_rule_extends_the_default_rule() -> None:
    """extend is laid over the rule that was there; null deletes; remove cuts the result."""
    defaults = {
        "order": {
            "complete": {"name": "Order", "data": {"map": {"a": "data.id", "b": "data.total"}}}
        }
    }
    over = {"extend": {"data": {"map": {"b": None, "c": {"value": 3}}}}, "remove": ["a"]}
    config = {"mapping": {"order": {"complete": over}, "cart": {"view": {"name": "Cart"}}}}
    mapping = Mapping(config, defaults=defaults)
    order, cart = said(mapping, event(), event("cart view"))
    assert (order.event, order.properties, cart.event) == ("Order", {"c": 3}, "Cart")
    assert merge(defaults["order"]["complete"], {"name": "New"}) == {"name": "New"}


def test_include_takes_sections_and_the_first_of_a_context() -> None:
    """What is included lies under the data: what the rule maps wins."""
    mapping = of_rule(
        {"include": ["context", "event"], "data": {"map": {"event_id": {"value": "mine"}}}}
    )
    found = process(event(context={"page": ["home", 0], "none": []}), mapping)
    assert found.data == {
        "context_page": "home",
        "event_id": "mine",
        "event_name": "order complete",
        "event_timestamp": 1_700_000_000_000,
    }


def test_holes_are_null_in_a_call() -> None:
    """A set keeps a place for what is missing; JSON has null for that."""
    mapping = of_rule({"data": {"map": {"pair": {"set": ["data.nope", "data.id"]}}}})
    (track,) = said(mapping, event())
    assert track.properties == {"pair": [None, "o-1"]}


def test_an_event_that_is_no_object_leads_to_nothing() -> None:
    """A text, a list or nothing at all has no user."""
    for one in ("text", [1], None, 5):
        assert calls(one, Mapping({}), Memory()) == []
