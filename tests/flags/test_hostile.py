"""Definitions that mean harm: whatever a server sends, no step of ours takes the loop for long."""

import gc
import json
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from asyncsdk import InvalidResponseError
from asyncsdk.flag_seams import Question
from asyncsdk.flags import Definitions, evaluate
from asyncsdk.flags.local import Decisions

#: Milliseconds of thread time that one step may take.
LIMIT = 5.0

Json = Any


def flag(key: str, *filters: Json, **more: Json) -> Json:
    """Return a flag with one condition of *filters*."""
    groups = [{"properties": list(filters), "rollout_percentage": 100}]
    return {"id": 1, "key": key, "active": True, "filters": {"groups": groups, **more}}


def answer(flags: list[Json], **more: Json) -> bytes:
    """Return a definitions answer."""
    return json.dumps({"flags": flags, **more}).encode()


def timed(step: Callable[[], object]) -> tuple[object, float]:
    """Return what *step* returns, and the milliseconds of thread time that it took."""
    before = time.thread_time()
    found = step()
    return found, (time.thread_time() - before) * 1e3


class Steps:
    """Decodes in steps, as a poller does, and remembers the longest."""

    def __init__(self, data: bytes) -> None:
        gc.disable()  # how long Python collects garbage depends on all that the host has
        try:
            self._decode(data)
        finally:
            gc.enable()

    def _decode(self, data: bytes) -> None:
        self.longest = 0.0
        self.count = 0
        pieces = Definitions.decoding(data)
        while True:
            found, took = timed(lambda: next(pieces, self))
            self.count += 1
            self.longest = max(self.longest, took)
            if found is self:
                break
        self.definitions = pieces.result


@contextmanager
def untraced() -> Iterator[None]:
    """Run without coverage, which takes several times as long as what it watches."""
    tracing = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracing)


def at_most(limit: float, measure: Callable[[], float]) -> None:
    """Check a time: a crowded machine adds to it, so what is too long is so five times in a row."""
    found: list[float] = []
    while len(found) < 5:
        with untraced():
            found.append(measure())
        if found[-1] < limit:
            return
    pytest.fail(f"{found} ms")


def is_quick(data: bytes, key: str = "harm", **call: Json) -> None:
    """Check that decoding and evaluating *data* takes no step that is felt."""

    def slowest() -> float:
        steps = Steps(data)
        found, took = timed(lambda: evaluate(steps.definitions, key, "user-1", **call))
        again, second = timed(lambda: evaluate(steps.definitions, key, "user-1", **call))
        assert found == again
        return max(steps.longest, took, second)

    at_most(LIMIT, slowest)


def outcome(data: bytes, **call: Json) -> tuple[object, str | None]:
    """Return the value and the reason of the flag `harm`."""
    found = evaluate(Definitions.decode(data), "harm", "user-1", **call)
    return found.value, found.reason


UNSUPPORTED = (None, "unsupported_definition")

GARBAGE = [
    b"", b" ", b"<html>login</html>", b"null", b"[]", b"{}", b'{"flags": null}', b'{"flags": {}}',
    b'{"flags": [', b'{"flags": []', b'{"flags": []}}', b'{"flags": [1 2]}', b'{"flags": [NaN]}',
    b'{"flags": [], "cohorts": [1]}', b'{"flags": [], "group_type_mapping": 7}', b'{"flags": ["\xff"]}',
    b'{"flags": [{"key": "a]}', b"{'flags': []}", b'{"flags": [],}', b'{"flags" []}', b"\x00" * 1000,
    b'{"flags": [' + b"[" * 100_000, b'{"a":' * 100_000, b'{"flags": [' + b" " * 100_000 + b"]}",
    b'{"flags": [' + b"9" * 100_000 + b"]}", b'{"flags": ["' + b"a" * (2 << 20) + b'"]}',
]  # fmt: skip


@pytest.mark.parametrize("data", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_an_error_of_ours(data: bytes) -> None:
    """What if a login page answers, or half of an answer? One clear error, and quickly."""
    with pytest.raises(InvalidResponseError, match=r"^The flag definitions cannot be read: "):
        Definitions.decode(data)

    def slowest() -> float:
        pieces, longest = Definitions.decoding(data), 0.0
        while True:
            before = time.thread_time()
            try:
                next(pieces)
            except InvalidResponseError:
                return max(longest, (time.thread_time() - before) * 1e3)
            longest = max(longest, (time.thread_time() - before) * 1e3)

    at_most(LIMIT, slowest)


@pytest.mark.parametrize("entry", [None, 7, "text", [], {}, {"key": 7}, {"key": None}])
def test_an_entry_that_is_no_flag_is_as_good_as_none(entry: Json) -> None:
    """What if one flag of many is broken? Nobody can ask for it; the others are decided."""
    definitions = Definitions.decode(answer([entry, flag("good")]))
    assert definitions.keys == ("good",)
    assert evaluate(definitions, "good", "user-1").value is True


@pytest.mark.parametrize(
    "filters",
    [
        7, "text", [1], {"groups": 7}, {"groups": [7]}, {"groups": [{"properties": 7}]},
        {"groups": [{"properties": [7]}]}, {"groups": [{"rollout_percentage": "50"}]},
        {"groups": [{"rollout_percentage": 10**400}]}, {"multivariate": 7}, {"multivariate": [1]},
        {"multivariate": {"variants": [{}]}}, {"multivariate": {"variants": [{"key": "a"}]}},
        {"holdout": 7}, {"holdout": {"id": 1, "exclusion_percentage": "x"}},
        {"holdout": {"id": 1, "exclusion_percentage": []}},
    ],
    ids=str,
)  # fmt: skip
def test_a_flag_that_cannot_be_read_is_left_to_the_server(filters: Json) -> None:
    """What if the server knows a newer form of flags? It is asked."""
    data = answer([{"key": "harm", "active": True, "filters": filters}])
    assert outcome(data) == UNSUPPORTED


def cohort_filter(name: str) -> Json:
    """Return the filter on a cohort."""
    return {"key": "id", "type": "cohort", "value": name}


def member(*entries: Json) -> Json:
    """Return a group of which one must match."""
    return {"type": "OR", "values": list(entries)}


def nested(depth: int) -> Json:
    """Return groups in groups, as text: Python's own encoder cannot go as deep."""
    return '{"type":"AND","values":[' * depth + "]}" * depth


def circles() -> Iterator[tuple[str, Json]]:
    """Yield cohorts and flags that contain themselves, or too much of each other."""
    yield "itself", {"0": member(cohort_filter("0"))}
    yield "each other", {"0": member(cohort_filter("1")), "1": member(cohort_filter("0"))}
    chain = {str(at): member(cohort_filter(str(at + 1))) for at in range(10_000)}
    yield "a long chain", chain
    # Each asks for the next twice: looking at all of it would take 2 to the 30th steps.
    double = {
        str(at): member(cohort_filter(str(at + 1)), cohort_filter(str(at + 1))) for at in range(30)
    }
    yield "twice the next", {**double, "30": member({"key": "a", "value": "b"})}


@pytest.mark.parametrize(("name", "cohorts"), list(circles()))
def test_cohorts_without_end_are_left_to_the_server(name: str, cohorts: Json) -> None:
    """What if a cohort contains itself? The server has to say what that means."""
    data = answer([flag("harm", cohort_filter("0"))], cohorts=cohorts)
    assert outcome(data, person_properties={"a": "c"}) == UNSUPPORTED, name
    is_quick(data)


@pytest.mark.parametrize("depth", [60, 900, 10_000])
def test_groups_in_groups_without_end_are_refused(depth: int) -> None:
    """What about 10,000 nested groups? An error, or a flag that is left to the server."""
    data = answer([flag("harm", cohort_filter("1"))], cohorts={"1": "NESTED"})
    data = data.replace(b'"NESTED"', nested(depth).encode())
    try:
        assert outcome(data) == UNSUPPORTED
        is_quick(data)
    except InvalidResponseError:
        assert depth > 100


def dependency(key: str, *chain: str, value: Json = True) -> Json:
    """Return the filter on another flag."""
    return {
        "type": "flag", "key": key, "operator": "flag_evaluates_to", "value": value,
        "dependency_chain": [*chain, key],
    }  # fmt: skip


@pytest.mark.parametrize("ways", [1, 2, 5])
def test_flags_that_depend_on_themselves_are_left_to_the_server(ways: int) -> None:
    """What if two flags wait for each other, in many ways? Neither is decided, at once."""
    flags = [
        flag("harm", *[dependency("other")] * ways),
        flag("other", *[dependency("harm")] * ways, *[dependency("other")] * ways),
    ]
    assert outcome(answer(flags))[0] is None
    is_quick(answer(flags))


def test_a_long_row_of_dependencies_is_left_to_the_server() -> None:
    """What if each of 3,000 flags depends on the next? That is no flag anymore; no stack overflows."""
    flags = [flag(f"flag-{at}", dependency(f"flag-{at + 1}")) for at in range(3_000)]
    data = answer([flag("harm", dependency("flag-0")), *flags, flag("flag-3000")])
    assert outcome(data)[0] is None
    is_quick(data)


def test_a_long_chain_in_its_order_is_decided() -> None:
    """And a chain as the server sends it, each member named? Decided, however long."""
    flags = [flag("flag-0")]
    for at in range(1, 100):
        chain = [f"flag-{before}" for before in range(at - 1)]
        flags.append(flag(f"flag-{at}", dependency(f"flag-{at - 1}", *chain)))
    chain = [f"flag-{before}" for before in range(99)]
    data = answer([*flags, flag("harm", dependency("flag-99", *chain))])
    assert outcome(data) == (True, None)


BOMBS = [
    "(a+)+$", "(a|a)+$", "(a|aa)+$", "^(a?){60}a{60}$", "(.*)(.*)(.*)(.*)(.*)x", "(a*)*b", "a{1,1000}" * 8,
    "(((a{1,30}){1,30}){1,30}){1,30}", "(" * 400 + "a" + ")" * 400, "[a-z]*" * 150 + "1", "a|" * 499 + "b",
    r"\w*\w*\w*\w*\w*!", ".*.*.*=.*", "(x+x+)+y", "a?" * 300 + "a" * 300, "é*é*é*é*é*x", "(^){900}b",
    "(a{0,1000}){0,1000}", "a" * 5_000, "(?:" * 3_000 + "a" + ")" * 3_000, "[" * 1_000, "\\" * 999,
    "{" * 999, "(.{1,100}){1,9}x", r"(\w+\s?)*$", "^" * 1000,
]  # fmt: skip

TEXTS = ["a" * 30, "a" * 999, "a" * 50_000, "é" * 999, "x" * 20_000 + "\n"]


@pytest.mark.parametrize("engine", ["re2", "re"])
@pytest.mark.parametrize("bomb", BOMBS, ids=range(len(BOMBS)))
@pytest.mark.parametrize("text", TEXTS, ids=["short", "limit", "long", "accents", "line"])
def test_no_pattern_holds_up_the_loop(
    bomb: str, text: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What if somebody saves a pattern that takes years? With RE2 and without: no 5 milliseconds."""
    if engine == "re":
        monkeypatch.setitem(sys.modules, "re2", None)
    data = answer([flag("harm", {"key": "a", "operator": "regex", "value": bomb})])
    is_quick(data, person_properties={"a": text})


def many(count: int) -> bytes:
    """Return *count* flags of all kinds, of about 1,300 bytes each."""
    condition = [
        {"key": "plan", "operator": "exact", "value": ["pro", "team"], "type": "person"},
        {"key": "email", "operator": "regex", "value": r"@example\.com$", "type": "person"},
        {"key": "age", "operator": "gt", "value": 18, "type": "person"},
        {"key": "at", "operator": "is_date_after", "value": "-30d", "type": "person"},
    ]
    texts = [f"{at}@example.com" for at in range(30)]
    flags = [
        flag(f"flag-{at}", *condition, {"key": "email", "value": texts}, payloads={"true": "{}"})
        for at in range(count)
    ]
    return answer(flags)


def test_eight_megabytes_of_flags_are_decoded_in_small_pieces() -> None:
    """What does my loop feel of a large project's flags? Pieces, each under 5 ms of thread time."""
    data = many(7_800)
    assert len(data) > 7_800_000

    def slowest() -> float:
        steps = Steps(data)
        assert len(steps.definitions.keys) == 7_800
        assert steps.count > 50
        person = {"plan": "pro", "email": "1@example.com", "age": 30, "at": "2999-01-01"}
        took = [
            timed(partial(evaluate, steps.definitions, key, "user-1", person_properties=person))
            for key in steps.definitions.keys[:500]
        ]
        assert all(getattr(found, "value", None) is True for found, _ in took)
        return max(steps.longest, *(one for _, one in took))

    at_most(LIMIT, slowest)


@pytest.mark.alone
def test_replaced_definitions_are_freed_in_small_pieces() -> None:
    """And what of the old ones, when new ones came? Freed piece by piece, not by Python's collector."""
    data = many(7_800)
    gc.collect()

    def slowest() -> float:
        definitions = Definitions.decode(data)
        definitions.all("user-1")  # so that they are compiled
        watched = [weakref.ref(flag.compiled.decide) for flag in definitions.flags.values()]
        assert len({id(one()) for one in watched}) == 7_800, "each flag has its own"
        pieces, longest = definitions.discarding(), 0.0
        gc.disable()
        try:
            while True:
                ended, took = timed(lambda: next(pieces, definitions))
                longest = max(longest, took)
                if ended is definitions:
                    break
        finally:
            gc.enable()
        assert not any(one() for one in watched)
        return longest

    at_most(LIMIT, slowest)


@pytest.mark.parametrize(
    "large",
    [
        flag("harm", {"key": "a", "value": [f"{at}@example.com" for at in range(100_000)]}),
        flag("harm", *[{"key": "a", "value": str(at)} for at in range(30_000)]),
        flag(
            "harm", *[{"key": "a", "operator": "regex", "value": f"{at}$"} for at in range(4_000)]
        ),
        flag("harm", {"key": "a", "operator": "icontains", "value": "b" * 900_000}),
        flag("harm", {"key": "a", "operator": "semver_gt", "value": "9" * 900_000}),
        flag("harm", {"key": "a", "operator": "is_date_before", "value": "9" * 900_000}),
        flag("harm", {"key": "a", "operator": "gt", "value": "9" * 900_000}),
    ],
    ids=["a list", "filters", "patterns", "a text", "a version", "a date", "a number"],
)
def test_one_large_flag_is_compiled_in_small_pieces(large: Json) -> None:
    """And if one flag is large by itself? The same."""
    is_quick(answer([large]), person_properties={"a": "7@example.com"})


@pytest.mark.parametrize(
    "value",
    ["\ud800", float("nan"), 10**5_000, {1: 2}, object(), b"bytes", 1 + 1j, (1, 2), {1}],
    ids=range(9),
)
def test_no_value_of_mine_raises(value: object) -> None:
    """What if a property of mine is no JSON? Nothing is raised; the flag is for the server."""
    operators = ("exact", "icontains", "regex", "gt", "is_date_before", "semver_eq")
    flags = [flag(name, {"key": "a", "operator": name, "value": "1"}) for name in operators]
    definitions = Definitions.decode(answer(flags))
    for key in definitions.keys:
        found = evaluate(definitions, key, "user-1", person_properties={"a": value})
        assert found.value in (None, False)


def test_half_a_character_is_nobodys_id() -> None:
    """And if my id is no text that can be sent? No flag is decided here, in whichever way I ask."""
    definitions = Definitions.decode(answer([flag("a"), flag("b", {"key": "x", "value": "1"})]))
    found = definitions.all("\ud800", person_properties={"x": "1"})
    found["a alone"] = evaluate(definitions, "a", "\ud800")
    assert {one.reason for one in found.values()} == {"missing_context"}
    decisions = Decisions(definitions, Question(distinct_id="\ud800"))
    decisions.at_once()
    assert decisions.values() == {}
    assert set(decisions.unresolved) == {"a", "b"}


def test_a_value_without_end_raises_nothing() -> None:
    """And one that contains itself? The same."""
    endless: list[object] = []
    endless.append(endless)
    definitions = Definitions.decode(answer([flag("harm", {"key": "a", "value": "1"})]))
    found = evaluate(definitions, "harm", "user-1", person_properties={"a": endless})
    assert found.reason == "missing_context"


def test_an_id_that_is_no_text_in_utf_8_is_for_the_server() -> None:
    """What if half a character is in a distinct id? It has no bucket here."""
    half = flag("harm")
    half["filters"]["groups"][0]["rollout_percentage"] = 50
    definitions = Definitions.decode(answer([half]))
    assert evaluate(definitions, "harm", "\ud800").reason == "missing_context"
