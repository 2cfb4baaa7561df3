"""Reading: what is no plan is refused with a word on why."""

import pytest

from asyncsdk import ConfigurationError
from asyncsdk.plans.reading import read_plan


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"{", "no JSON"),
        (b"\xff", "no JSON"),
        (b"{}", "no events"),
        (b"1", "no events"),
        (b'"data"', "no events"),
        (b"[]", "no events"),
        (b'{"data": 5}', "no events"),
        (b'{"data": []}', "no events"),
        (b'{"data": [5]}', "must be objects"),
        (b'{"data": [{"rules": {}}]}', "without a name"),
        (b'{"data": [{"name": "A"}, {"name": "A"}]}', "two events named 'A'"),
        (b'{"properties": {}}', "needs a title"),
        (b'{"$defs": {"a": {"properties": {}}}}', "no events"),
        (b'{"$defs": []}', "no events"),
        (b'{"$ref": "#/definitions/gone", "definitions": {}}', "leads nowhere"),
        (b'[{"title": "A", "type": "object"}, {"title": "B"}]', "something else in it"),
        (b'[{"title": "A", "type": "object"}, 5]', "something else in it"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"data": ' * 900 + b"{}" + b"}" * 900, "no events|nested too deep"),
    ],
)
def test_what_is_no_plan_is_refused(text: bytes, words: str) -> None:
    """Nothing is written from half of one."""
    with pytest.raises(ConfigurationError, match=words):
        read_plan(text)


def test_an_event_may_have_no_properties() -> None:
    """Its name is all that there is to say."""
    (event,) = read_plan(b'{"events": [{"name": "A"}]}')
    assert (event.name, event.schema, event.description) == ("A", {"type": "object"}, "")


def test_every_schema_of_a_list_is_an_event() -> None:
    """One without properties too."""
    plan = b"""[{"title": "Logged Out", "type": "object"},
        {"title": "Logged In", "type": "object", "properties": {"how": {}}}]"""
    assert [one.name for one in read_plan(plan)] == ["Logged Out", "Logged In"]
    (alone,) = read_plan(b'{"$schema": "x", "title": "Logged Out", "type": "object"}')
    assert alone.name == "Logged Out"


def test_of_several_versions_of_an_event_the_last_one_holds() -> None:
    """Segment keeps them all in a plan."""
    plan = b"""{"rules": [
        {"key": "A", "type": "TRACK", "version": 2, "jsonSchema": {"description": "new"}},
        {"key": "A", "type": "TRACK", "version": 1, "jsonSchema": {"description": "old"}},
        {"key": "B", "type": "TRACK", "version": 1, "jsonSchema": {}}]}"""
    assert [(one.name, one.description) for one in read_plan(plan)] == [("A", "new"), ("B", "")]
