"""Flags that look at more than a person's own properties are decided here as well."""

import tracemalloc

from asyncsdk import AsyncAnalytics, PostHog
from tests.flags.answering import KEY, as_file, flag, for_plan


def client_of(file: bytes, *, remembered: int = 1_000) -> AsyncAnalytics:
    """Return a client with these definitions, whom nobody hears."""
    hog = PostHog(
        KEY,
        host="http://127.0.0.1:9",
        flag_definitions=file,
        only_evaluate_locally=True,
        max_cache_size=remembered,
    )
    return AsyncAnalytics(hog)


async def test_a_cohort_is_decided_here() -> None:
    """By the properties of the person; without them nobody can say."""
    by_cohort = {"key": "id", "value": 7, "type": "cohort"}
    pro = {"key": "plan", "value": "pro", "operator": "exact", "type": "person"}
    member = flag("members", filters={"groups": [{"properties": [by_cohort]}]})
    file = as_file(member, cohorts={"7": {"type": "OR", "values": [pro]}})
    flags = client_of(file).flags
    for plan, value in (("pro", True), ("free", False)):
        facts = {"plan": plan}
        found = await flags.get("members", "u", person_properties=facts, send_events=False)
        assert found is value
    assert await flags.get("members", "u", send_events=False) is None


async def test_a_flag_of_a_group_is_decided_by_the_group() -> None:
    """By its key and its properties; a person without such a group is not meant."""
    large = {"key": "size", "value": 10, "operator": "gt", "type": "group"}
    filters = {"aggregation_group_type_index": 0, "groups": [{"properties": [large]}]}
    by_key = {"key": "$group_key", "value": "x", "operator": "exact", "type": "group"}
    named = {"aggregation_group_type_index": 0, "groups": [{"properties": [by_key]}]}
    flags = client_of(as_file(flag("large", filters=filters), flag("named", filters=named))).flags
    for size, value in ((11, True), (9, False)):
        found = await flags.get(
            "large",
            "u",
            groups={"company": "x"},
            group_properties={"company": {"size": size}, "team": {"size": 99}},
            send_events=False,
        )
        assert found is value
    assert await flags.get("large", "u", send_events=False) is False
    assert await flags.get("named", "u", groups={"company": "x"}, send_events=False) is True


async def test_the_id_is_a_property_of_the_person() -> None:
    """Conditions may look at it, though nobody gave it; a given one goes before it."""
    me = {"key": "distinct_id", "value": "me", "operator": "exact", "type": "person"}
    flags = client_of(as_file(flag("mine", filters={"groups": [{"properties": [me]}]}))).flags
    assert await flags.get("mine", "me", send_events=False) is True
    assert await flags.get("mine", "you", send_events=False) is False
    given = {"distinct_id": "me"}
    assert await flags.get("mine", "you", person_properties=given, send_events=False) is True
    assert await flags.all("me") == {"mine": True}


async def test_an_odd_value_of_the_callers_is_no_error() -> None:
    """Whatever Python makes of it, the flag is undecided, and asked for elsewhere."""

    class Odd(str):
        """A text that breaks when it is looked at."""

        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            """Break."""
            raise RuntimeError

        def lower(self) -> str:
            """Break."""
            raise RuntimeError

    flags = client_of(as_file(for_plan("paid", "pro"), flag("a"))).flags
    facts = {"plan": Odd("pro")}
    for _ in range(2):
        assert await flags.get("paid", "u", person_properties=facts, send_events=False) in (
            None,
            True,
        )
        found = await flags.all("u", person_properties=facts)
        assert found is not None
        assert found["a"] is True


async def test_many_flags_of_many_persons_take_no_memory() -> None:
    """Nothing outlives a question but what was reported, and that is bounded."""
    flags = client_of(as_file(*(flag(f"f{n}") for n in range(1_000))), remembered=20).flags

    async def ask(first: int, last: int) -> int:
        """Ask for all flags of these persons, and read them; return the memory in use then."""
        for number in range(first, last):
            seen = await flags.snapshot(f"person-{number}")
            flags._called.note(f"person-{number}", ("f1", seen.result("f1").value))
            for key in list(seen)[:100]:
                flags._called.note(f"person-{number}", (key, True))
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = await ask(0, 30)
        after = await ask(30, 90)
    finally:
        tracemalloc.stop()
    assert after - before < 200_000
