"""Redacting: what a path covers goes, and nothing else does."""

import time
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from asyncsdk import ConfigurationError
from asyncsdk.privacy import EMAIL, MASK, Hashed, redact, remove
from tests.privacy.messages import SALT, track

MAIL = "ann@example.com"
HASH = Hashed(SALT)


@dataclass
class Customer:
    """An object of an application's."""

    mail: str
    seats: int


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("properties.mail", {"deep": {"Mail": 2, "x": [{"mail": 3, "y": 4}]}}),
        ("properties.*.mail", {"mail": 1, "deep": {"x": [{"mail": 3, "y": 4}]}}),
        ("properties.deep.x.mail", {"mail": 1, "deep": {"Mail": 2, "x": [{"y": 4}]}}),
        ("**.mail", {"deep": {"x": [{"y": 4}]}}),
        ("*.mail", {"deep": {"Mail": 2, "x": [{"mail": 3, "y": 4}]}}),
        ("properties.**.x", {"mail": 1, "deep": {"Mail": 2}}),
        ("properties.d??p", {"mail": 1}),
        ("properties.deep.**", {"mail": 1}),
        ("traits.**", {"mail": 1, "deep": {"Mail": 2, "x": [{"mail": 3, "y": 4}]}}),
        ("properties", None),
        ("**", None),
    ],
)
def test_a_path_covers_what_it_says(path: str, left: Any) -> None:
    """A glob stands for one key, two stars for any number, a list's path is its elements'."""
    facts = {"mail": 1, "deep": {"Mail": 2, "x": [{"mail": 3, "y": 4}]}}
    assert remove(path)(track(properties=facts)).properties == left


def test_what_is_masked_leaves_its_key() -> None:
    """Whoever reads the event sees that something was there; an object stays one."""
    message = redact("context.ip", "traits")(track(context={"ip": "192.0.2.1"}, traits={"a": [1]}))
    assert message.context == {"ip": MASK}
    assert message.traits == {"a": MASK}


def test_only_what_matches_is_replaced() -> None:
    """In texts, in numbers, in keys; the words around it stay, and so does all else."""
    facts = {"note": f"to {MAIL}!", MAIL: 1, "phone": 491701234567, "ok": True, "none": None}
    message = redact("**", matching=EMAIL)(track(properties=facts, event=f"Mail to {MAIL}"))
    message = redact("**", matching=r"\d{12}", instead="#")(message)
    rest = {"phone": "#", "ok": True, "none": None}
    assert message.properties == {"note": f"to {MASK}!", MASK: 1, **rest}
    assert message.event == f"Mail to {MASK}"


def test_what_matches_can_be_removed_with_its_key() -> None:
    """Where words around it would say too much."""
    facts = {"note": f"write to {MAIL}", "list": [MAIL, "b"], MAIL: 1, "kept": "c"}
    message = remove("**", matching=EMAIL)(track(properties=facts))
    assert message.properties == {"list": ["b"], "kept": "c"}


def test_objects_are_looked_into() -> None:
    """They are sent as their fields are; what holds nothing of interest stays what it is."""
    price, plain = Decimal("19.95"), Customer("none", 2)
    facts = {"who": Customer(MAIL, 1), "set": {MAIL}, "pair": (MAIL, 1), "p": price, "c": plain}
    message = redact("**", matching=EMAIL)(track(properties=facts))
    assert message.properties["who"] == {"mail": MASK, "seats": 1}
    assert message.properties["set"] == [MASK]
    assert message.properties["pair"] == [MASK, 1]
    assert message.properties["p"] is price
    assert message.properties["c"] is plain
    removed = remove("properties.who.mail")(track(properties={"who": Customer(MAIL, 1)}))
    assert removed.properties == {"who": {"seats": 1}}


def test_a_hash_is_the_same_for_the_same_and_differs_by_salt() -> None:
    """Users can be counted and joined; 42 and "42" are one user, as on the wire."""
    hide = redact("user_id", "traits.mail", instead=HASH)
    by_text, by_number = hide(track(user_id="42", traits={"mail": [MAIL]})), hide(track(user_id=42))
    assert by_text.user_id == by_number.user_id == HASH("42")
    assert by_text.traits == {"mail": [HASH(MAIL)]}
    assert Hashed(f"{SALT}!")("42") != HASH("42")
    assert len(HASH("42")) == 64


def test_ids_are_left_alone_unless_named() -> None:
    """A mask over every id would make one person of all, which no system can undo."""
    message = redact("**", instead=HASH)(track(user_id=MAIL, anonymous_id="a"))
    assert (message.user_id, message.anonymous_id) == (MAIL, "a")
    assert remove("user_id")(track(anonymous_id="a")).user_id is None
    named = redact("user_id", matching=EMAIL, instead=HASH)
    assert [named(track(user_id=who)).user_id for who in (MAIL, "u-1")] == [HASH(MAIL), "u-1"]
    with pytest.raises(ConfigurationError, match="one person of all"):
        redact("user_id")


@pytest.mark.parametrize(
    "path", ["", "type", "message_id", "propertys.a", "properties..a", "user_id.x", "timestamp"]
)
def test_a_path_that_leads_nowhere_is_refused(path: str) -> None:
    """A typing error must not let through what was to be kept back."""
    with pytest.raises(ConfigurationError):
        redact(path)


def test_what_can_never_work_is_refused() -> None:
    """When the application starts, not with its first event."""
    for broken in ((), ("**",)):
        with pytest.raises(ConfigurationError):
            redact(*broken, matching="(")
    with pytest.raises(ConfigurationError, match="16 characters"):
        Hashed("short")


def test_a_value_that_holds_itself_ends() -> None:
    """The hook comes before the door, which names such values."""
    knot: dict[str, Any] = {"mail": MAIL}
    knot["twice"] = [knot, knot]
    message = redact("**", matching=EMAIL)(track(properties=knot))
    assert message.properties == {"mail": MASK, "twice": ["[circular]", "[circular]"]}


def test_hooks_can_be_compared_and_show_no_salt() -> None:
    """They are values: two that do the same are the same."""
    assert redact("**", instead=HASH) == redact("**", instead=Hashed(SALT))
    assert redact("**") != remove("**")
    assert len({redact("**"), redact("**"), remove("**")}) == 2
    assert SALT not in repr(redact("user_id", instead=HASH))
    assert "user_id" in repr(redact("user_id", instead=HASH))
    assert HASH in {Hashed(SALT)}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["a", MAIL, f"x {MAIL} y"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", MAIL]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["a", MAIL]), JSON, max_size=2))
def test_no_address_is_left_wherever_it_stood(facts: dict[str, Any]) -> None:
    """Whatever the event looks like."""
    for hook in (redact("**", matching=EMAIL), remove("**", matching=EMAIL)):
        assert MAIL not in str(hook(track(properties=facts)).properties)


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=3))
def test_what_no_path_leads_to_stays(facts: dict[str, Any]) -> None:
    """Equal to what it was."""
    assert redact("properties.zzzz.b", "traits.**")(track(properties=facts)).properties == facts


class Word(Enum):
    """Keys of an application's."""

    PASSWORD = "password"


def test_json_that_was_written_before_is_looked_into() -> None:
    """What goes as it is can hold what must not go, spelled in other ways too."""
    facts = {
        "raw": Raw(b'{"password": "s", "to": "ann\\u0040example.com", "n": [1, {"a": 2.50}]}'),
        "kept": Raw(b'{"n": 1.0000000000000000001}'),
        "card": Raw(b"4111111111111111.000000000000001"),
        "broken": Raw(b"{to: ann@example.com"),
    }
    message = redact("**", matching=EMAIL)(remove("**.password")(track(properties=facts)))
    message = redact("**.card", matching=r"\d{16}")(message)
    assert message.properties == {
        "raw": {"to": MASK, "n": [1, {"a": 2.5}]},
        "kept": facts["kept"],
        "card": f"{MASK}.000000000000001",
        "broken": f"{{to: {MASK}",
    }


def test_keys_are_met_as_they_are_sent() -> None:
    """A member of an Enum is sent as its value."""
    facts = {Word.PASSWORD: 1, None: 2, True: 3, 4: 5}
    message = remove("**.password", "**.null", "**.true")(track(properties=facts))
    assert message.properties == {4: 5}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("to jürgen@exämple.de.", "to #."),
        ("https://a.example/?to=ann%40example.com&b=1", "https://a.example/?to=#&b=1"),
        ("<ann+x@a.b.example>, bob@c.example", "<#>, #"),
        ("x" * 100 + "@example.com", "#"),
        ("a@b@example.com", "a@#"),
        ("@handle 5@3 50%", "@handle 5@3 50%"),
    ],
)
def test_addresses_are_found_in_every_spelling(text: str, left: str) -> None:
    """Half an address that stays says who it was."""
    assert EMAIL.sub("#", text) == left


@pytest.mark.parametrize(
    "part", ["a", "é", "a.", "a@", "a@a.", "a%", "%40", "a%40", "-@", "a@" + "b" * 63, "a "]
)
def test_no_text_takes_long_to_search_for_addresses(part: str) -> None:
    """It is done in the call, so a large event must not hold up the loop."""
    text = part * (200_000 // len(part))
    began = time.process_time()
    EMAIL.sub("#", text)
    assert time.process_time() - began < 1


def test_where_an_event_may_go_is_no_secret_but_what_is_said_there_is() -> None:
    """A mask in the place of a no would be read as a yes."""
    options = {"All": False, "Mixer": {"mail": MAIL}, "Mapper": True}
    answers = {"All": False, "Mapper": True}
    masked = redact("**", matching=EMAIL)(track(integrations=options))
    assert masked.integrations == {**answers, "Mixer": {"mail": MASK}}
    assert redact("**")(track(integrations=options)).integrations == {**answers, "Mixer": MASK}
    assert remove("**")(track(integrations=options)).integrations == answers
    assert remove("integrations.Mixer.mail")(track(integrations=options)).integrations == {
        **answers,
        "Mixer": {},
    }


def test_a_truth_value_is_hidden_too_unless_a_pattern_is_looked_for() -> None:
    """Whether somebody is ill is as telling as a name."""
    facts = {"ill": True, "well": False, "unknown": None}
    hashed = redact("properties.*", instead=HASH)(track(properties=dict(facts)))
    assert hashed.properties == {"ill": HASH("true"), "well": HASH("false"), "unknown": None}
    matched = redact("properties.*", matching="true", instead=MASK)(track(properties=dict(facts)))
    assert matched.properties == facts
