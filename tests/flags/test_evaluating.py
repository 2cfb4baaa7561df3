"""What the recorded cases do not show: several flags at once, the clock, what is handed out."""

import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from asyncsdk.flags import Definitions, evaluate
from tests.flags.cases import decoded

NOW = datetime(2024, 3, 31, 12, 0, tzinfo=UTC)


def flag(
    key: str, *filters: dict[str, Any], share: float | None = None, **more: Any
) -> dict[str, Any]:
    """Return a flag with one condition."""
    groups = [{"properties": list(filters), "rollout_percentage": share}]
    return {
        "id": 7,
        "key": key,
        "version": 3,
        "active": True,
        "filters": {"groups": groups, **more},
    }


def definitions(*flags: dict[str, Any], **more: Any) -> Definitions:
    """Return definitions of *flags*."""
    return decoded({"flags": list(flags), **more})


def test_an_unknown_flag_is_for_the_server() -> None:
    """What if I ask for a flag that is not there? Perhaps the server knows it."""
    found = evaluate(definitions(), "none", "user-1")
    assert (found.value, found.source, found.reason) == (
        None,
        "inconclusive",
        "unsupported_definition",
    )


def test_each_payload_is_mine() -> None:
    """May I change a payload? Yes; the next one is fresh."""
    known = definitions(flag("on", payloads={"true": '{"a": [1]}'}))
    first = evaluate(known, "on", "user-1").payload
    assert isinstance(first, dict)
    first["a"].append(2)
    assert evaluate(known, "on", "user-1").payload == {"a": [1]}


def test_a_flag_tells_what_it_is() -> None:
    """What is known of a flag itself? Its number, its version, its experiment, whether it is hopeless."""
    lost = flag("lost", {"key": "id", "type": "cohort", "value": 1})
    lost["has_experiment"] = True
    known = definitions(flag("on"), lost, minimal_flag_called_events=True)
    assert known.minimal_flag_called_events
    assert known.keys == ("on", "lost")
    on, other = known.flags["on"], known.flags["lost"]
    assert (on.id, on.version, on.has_experiment, on.unresolved) == (7, 3, None, None)
    assert (other.has_experiment, other.unresolved) == (True, "unsupported_definition")


def test_all_and_some() -> None:
    """Can I have several at once? All of them, or those that I name and that exist."""
    known = definitions(flag("a"), flag("b"), flag("c", share=0))
    assert {key: found.value for key, found in known.all("user-1").items()} == {
        "a": True,
        "b": True,
        "c": False,
    }
    assert list(known.all("user-1", keys=["c", "none", "a"])) == ["c", "a"]
    broken = known.all("\ud800")
    assert broken["c"].value in (None, False)


def test_ids_that_are_no_text_count_as_their_text() -> None:
    """What if my ids are numbers? They fall where their text does, for persons and for groups."""
    by_group = flag("company", share=50, aggregation_group_type_index=0)
    known = definitions(flag("half", share=50), by_group, group_type_mapping={"0": "company"})
    for number in range(50):
        wanted = evaluate(known, "half", str(number)).value
        assert evaluate(known, "half", number).value is wanted  # type: ignore[arg-type]
        call: dict[str, Any] = {"group_properties": {"company": {}}}
        found = evaluate(known, "company", "user-1", groups={"company": number}, **call)
        assert found == evaluate(
            known, "company", "user-1", groups={"company": str(number)}, **call
        )


@pytest.mark.parametrize(
    ("value", "property_value", "after"),
    [
        ("2022-05-01", datetime(2022, 5, 1, 0, 0, 1, tzinfo=UTC), True),
        ("2022-05-01T10:00:00", date(2022, 5, 1), False),
        ("2022-05-01", date(2022, 5, 2), True),
        ("-2m", "2024-01-29T12:00:01", True),
        ("-2m", "2024-01-29T12:00:00", False),
        ("-1h", "2024-03-31T11:00:01", True),
        ("2024", "2024-03-31T00:00:00Z", False),
        ("2024", "2024-03-31T00:00:01Z", True),
    ],
)
def test_dates(value: str, property_value: object, after: bool) -> None:  # noqa: FBT001
    """How are dates compared? To the second; a date without a time with the date only."""
    known = definitions(flag("on", {"key": "at", "operator": "is_date_after", "value": value}))
    for now in (NOW, NOW.replace(tzinfo=None)):
        found = evaluate(known, "on", "user-1", person_properties={"at": property_value}, now=now)
        assert found.value is after


@pytest.mark.parametrize("year", ["2024", "2023"])
def test_a_year_alone_may_have_no_such_day(year: str) -> None:
    """What is `2023` on 29 February? No day at all, so the server is asked."""
    leap = datetime(2024, 2, 29, tzinfo=UTC)
    known = definitions(flag("on", {"key": "at", "operator": "is_date_before", "value": year}))
    found = evaluate(known, "on", "user-1", person_properties={"at": "2020-01-01"}, now=leap)
    assert found.reason == (None if year == "2024" else "unsupported_definition")


def test_a_relative_date_goes_by_the_clock_if_i_give_none() -> None:
    """Do I have to pass the time? No."""
    known = definitions(flag("on", {"key": "at", "operator": "is_date_after", "value": "-1d"}))
    assert (
        evaluate(known, "on", "user-1", person_properties={"at": datetime.now(UTC)}).value is True
    )


def test_ranges_of_variants_may_fall() -> None:
    """What if a share is below zero? The ranges are searched as they read."""
    shares = {"a": 60, "b": -30, "c": 70}
    variants = [{"key": key, "rollout_percentage": share} for key, share in shares.items()]
    known = definitions(flag("odd", multivariate={"variants": variants}))
    found = [evaluate(known, "odd", f"user-{at}").value for at in range(400)]
    assert {value: found.count(value) > 100 for value in ("a", "b", "c")} == {
        "a": True,
        "b": False,
        "c": True,
    }


def persons() -> Iterator[dict[str, Any]]:
    """Yield 10,000 persons."""
    for at in range(10_000):
        yield {"plan": f"plan-{at}", "age": at, "email": f"{at}@example.com"}


def test_a_thousand_flags_for_ten_thousand_persons_keep_nothing() -> None:
    """Does evaluating fill my memory? After every flag was asked for once, nothing is kept."""
    filters: list[dict[str, Any]] = [
        {"key": "email", "operator": "regex", "value": "7@"},
        {"key": "age", "operator": "gt", "value": 7},
    ]
    known = definitions(*[flag(f"flag-{at}", *filters, share=50) for at in range(1_000)])
    known.all("user", person_properties={"plan": "é", "age": 8, "email": "7@é"})
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for at, person in enumerate(persons()):
            for key in (f"flag-{at % 1_000}", f"flag-{at * 7 % 1_000}"):
                evaluate(known, key, f"user-{at}", person_properties=person)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 20_000


def test_a_dependency_that_needed_the_server_is_decided_anew() -> None:
    """What was asked in vain on the way is passed over the second time, as the vendor's SDK does.

    "three" needs the server while "five" is new to it; later "five" is known to be undecided, so that
    "four" is looked at, and says no: "three" is off, "two" is on, and "one" with it.
    """
    four = depends("four", value=False, chain=["five", "four"])
    cohort = {"key": "id", "type": "cohort", "value": 3, "operator": "exact"}
    one = flag("one", missing("age"), depends("two", value=True, chain=["two"]))
    second = {"properties": [depends("two", value=True, chain=["five", "two"])]}
    one["filters"]["groups"].append(second)
    known = definitions(
        one,
        flag("two", depends("three", value=False, chain=["three"])),
        flag("three", cohort, four),
        flag("four"),
        flag("five", missing("born")),
    )
    assert evaluate(known, "one", "user-1").value is True
    assert evaluate(known, "two", "user-1").stops_at_server


def missing(key: str) -> dict[str, Any]:
    """Return a filter on a property that nobody has."""
    return {"key": key, "operator": "exact", "value": "x", "type": "person"}


def depends(key: str, *, value: bool, chain: list[str]) -> dict[str, Any]:
    """Return a filter on what the flag *key* evaluates to."""
    operator = "flag_evaluates_to"
    return {
        "key": key, "type": "flag", "operator": operator, "value": value, "dependency_chain": chain,
    }  # fmt: skip
