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
