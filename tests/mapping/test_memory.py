"""Memory: each user is identified once, on a server where users alternate."""

import tracemalloc
from typing import Any

import pytest

from asyncsdk import ConfigurationError, Message
from asyncsdk.mapping import Mapping, Memory, Remember, Stamp
from asyncsdk.mapping.memory import ENTRY_BYTES, digest, key_of
from tests.mapping.events import event

IDENTIFY = {
    "settings": {"identify": {"map": {"traits": {"map": {"plan": "user.plan", "n": "user.n"}}}}}
}
GROUP = {"settings": {"group": {"map": {"groupId": "data.company", "traits": "data.about"}}}}


def user(name: str, plan: Any = "free", **more: Any) -> dict[str, Any]:
    """Return an event of one user, or of one visitor if the name begins so."""
    who = {"session": name} if name.startswith("visitor") else {"id": name}
    return event("page view", user={**who, "plan": plan}, **more)


def kinds(mapping: Mapping, memory: Memory, *events: dict[str, Any], at: float = 0.0) -> list[str]:
    """Return what is said besides tracks: the kind of call, and whose."""
    messages: list[Message] = []
    for one in events:
        messages += mapping.call(one, memory, Stamp(at=at)).messages
    return [
        f"{one.type} {one.user_id or one.anonymous_id}" for one in messages if one.type != "track"
    ]


def test_alternating_users_are_identified_once_each() -> None:
    """Four events of two users: two identifies, not four as in the original."""
    mapping = Mapping(IDENTIFY)
    events = [user("a"), user("b"), user("a"), user("b")]
    assert kinds(mapping, mapping.memory(), *events) == ["identify a", "identify b"]


def test_each_visitor_is_identified() -> None:
    """Two visitors with the same traits: the original never identifies the second."""
    mapping = Mapping(IDENTIFY)
    events = [user("visitor-1"), user("visitor-2"), user("visitor-1")]
    found = kinds(mapping, mapping.memory(), *events)
    assert found == ["identify visitor-1", "identify visitor-2"]


def test_a_visitor_who_becomes_a_user_is_identified_again() -> None:
    """A user id is another key than a visitor's, even if both are the same text."""
    mapping = Mapping(IDENTIFY)
    memory = mapping.memory()
    same = [user("visitor-1"), event("page view", user={"id": "visitor-1", "plan": "free"})]
    assert len(kinds(mapping, memory, *same, *same)) == 2


def test_changed_traits_are_said_whatever_the_order_of_keys() -> None:
    """The same traits in another order are no change; another value is."""
    mapping = Mapping({"settings": {"identify": {"map": {"traits": "user.about"}}}})
    memory = mapping.memory()

    def about(**traits: Any) -> dict[str, Any]:
        return event("page view", user={"id": "a", "about": traits})

    assert kinds(mapping, memory, about(x=1, y=2), about(y=2, x=1)) == ["identify a"]
    assert kinds(mapping, memory, about(x=1, y=3), about(x=1, y=3)) == ["identify a"]


def test_every_user_is_put_into_the_group() -> None:
    """The second user of a company: the original leaves that one out."""
    mapping = Mapping(GROUP)
    memory = mapping.memory()
    acme, other = {"company": "acme"}, {"company": "other"}
    events = [user("a", data=acme), user("b", data=acme), user("a", data=acme)]
    assert kinds(mapping, memory, *events) == ["group a", "group b"]
    assert kinds(mapping, memory, user("a", data=other), user("a", data=acme)) == ["group a"]


def test_what_is_old_is_said_again() -> None:
    """How long is it remembered? A day, or as long as `keep_for` says."""
    mapping = Mapping(IDENTIFY, remember=Remember(keep_for=60.0))
    memory = mapping.memory()
    assert kinds(mapping, memory, user("a"), at=100.0) == ["identify a"]
    assert kinds(mapping, memory, user("a"), at=159.9) == []
    assert kinds(mapping, memory, user("a"), at=160.0) == ["identify a"]
    assert kinds(mapping, memory, user("a"), at=1.0) == ["identify a"]  # a clock that was set back


def test_the_oldest_users_are_forgotten_first() -> None:
    """Beyond the limit who was seen last stays."""
    mapping = Mapping(IDENTIFY, remember=Remember(limit=2))
    memory = mapping.memory()
    kinds(mapping, memory, user("a"), user("b"), user("a"), user("c"))
    assert len(memory) == 2
    assert kinds(mapping, memory, user("a"), user("c"), user("b")) == ["identify b"]


def test_processes_share_what_they_know() -> None:
    """Two workers behind one door: the second does not identify again what the first has."""
    shared: dict[str, str] = {}
    mapping = Mapping(IDENTIFY, remember=Remember(shared=shared))
    first, second = mapping.memory(), mapping.memory()
    assert kinds(mapping, first, user("a")) == ["identify a"]
    assert kinds(mapping, second, user("a"), user("b")) == ["identify b"]
    assert "free" not in repr(shared)  # a digest, not the traits
    first.forget(next(iter(shared)))
    assert len(shared) == 1
    shared.update(dict.fromkeys(shared, "garbage"))
    assert kinds(mapping, mapping.memory(), user("b")) == ["identify b"]


def test_numbers_out_of_range_are_refused() -> None:
    """A memory of nothing would identify on every event."""
    wrongs: list[dict[str, Any]] = [{"limit": 0}, {"keep_for": 0.0}, {"keep_for": float("nan")}]
    for wrong in wrongs:
        with pytest.raises(ConfigurationError, match="remember"):
            Remember(**wrong)
        with pytest.raises(ConfigurationError):
            Memory(**wrong)


@pytest.mark.repeats
def test_a_hundred_thousand_users_hold_the_bound() -> None:
    """What does the memory take on a busy server? At most the limit, times 512 bytes."""
    limit = 20_000
    memory = Memory(limit)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(100_000):
            key = key_of("identify", "u", f"user-{number}-{'x' * (number % 300)}")
            assert memory.is_news(key, digest({"n": number}), float(number))
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert len(memory) == limit
    assert limit * 100 < taken <= limit * ENTRY_BYTES


def test_digests_are_short_and_of_the_content() -> None:
    """Long traits are remembered by a digest; what JSON lacks is compared as it is sent."""
    assert len(digest({"a": "x" * 10_000})) == 32
    first, second = {"a": 1, "b": [1, {"d": 1, "c": 2}]}, {"b": [1, {"c": 2, "d": 1}], "a": 1}
    assert digest(first) == digest(second)
    assert digest({"a": 1}) != digest({"a": "1"})
    assert digest(None) != digest({})
    assert digest({"a": range(3)}) == digest({"a": range(3)}) != digest({"a": range(4)})
    assert digest({"a": "\ud800"}) != digest({"a": "b"})


def test_keys_do_not_run_into_each_other() -> None:
    """Two users whose ids look like one another's, with their group, are two."""
    assert key_of("group", "ab", "c") != key_of("group", "a", "bc")
    assert len(key_of("identify", "x" * 10_000)) == 32
