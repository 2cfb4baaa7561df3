"""What the collector remembers of persons and groups: what was set, and not too much of it."""

from typing import Any

from asyncsdk.collector.memory import Memory
from asyncsdk.collector.persons import KEEP_BYTES, KEEP_PERSONS, KEEP_PROPERTIES, Learned, Persons

ADA = ("", "ada")


def learn(persons: Persons, once: dict[str, Any] | None = None, /, **always: Any) -> None:
    """Let Ada set properties."""
    persons.learn([Learned(who=ADA, always=always, once=once or {})])


def test_the_last_value_counts_and_the_first_of_those_set_once() -> None:
    """As PostHog does it; a stranger has none."""
    persons = Persons()
    learn(persons, {"source": "ad"}, plan="free", seats=1)
    learn(persons, {"source": "mail", "plan": "none"}, plan="pro")
    assert persons.properties(ADA) == {"source": "ad", "plan": "pro", "seats": 1}
    assert persons.properties(("company", "ada")) == {}


def test_as_many_persons_are_kept_as_were_heard_of_last() -> None:
    """Setting something again makes a person new again."""
    persons = Persons()
    crowd = [
        Learned(who=("", f"u-{number}"), always={"n": number}) for number in range(KEEP_PERSONS)
    ]
    persons.learn(crowd)
    persons.learn([Learned(who=("", "u-0"), always={"again": True}), Learned(who=ADA)])
    assert persons.properties(("", "u-0")) == {"n": 0, "again": True}
    assert persons.properties(("", "u-1")) == {}
    assert persons.properties(("", "u-2")) == {"n": 2}


def test_a_person_has_so_many_properties_and_no_large_ones() -> None:
    """What is known of a person already stays, and can still change."""
    persons = Persons()
    learn(persons, long="x" * KEEP_BYTES, **{"y" * (KEEP_BYTES + 1): 1}, plan="free")
    assert persons.properties(ADA) == {"plan": "free"}
    learn(persons, **{f"p-{number}": number for number in range(2 * KEEP_PROPERTIES)}, plan="pro")
    assert len(persons.properties(ADA)) == KEEP_PROPERTIES
    assert persons.properties(ADA)["plan"] == "pro"


def test_clearing_forgets_persons_too() -> None:
    """A test that starts anew knows nobody."""
    memory = Memory()
    learn(memory.persons, plan="pro")
    memory.clear()
    assert memory.persons.properties(ADA) == {}
