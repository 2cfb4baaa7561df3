"""Any event and any mapping: nothing raises, nothing is written to, nothing takes long."""

import contextlib
import copy
import time
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asyncsdk import ConfigurationError
from asyncsdk.mapping import Mapping, Stamp, match, process, resolve

#: Milliseconds of thread time that one event may take.
LIMIT = 1.0

WORDS = st.sampled_from(
    ["a", "b", "data", "nested", "consent", "length", "*", "0", "1", "name", ""]
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.datetimes()
)
THINGS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(WORDS, st.text(max_size=3)), inner, max_size=4),
    ),
    max_leaves=12,
)
NAMES = st.sampled_from(["order complete", "page view", "page  view", "x", "", "* *"])
EVENTS = st.one_of(
    THINGS,
    st.fixed_dictionaries(
        {"name": st.one_of(NAMES, THINGS)},
        optional={
            "data": THINGS,
            "nested": st.lists(THINGS, max_size=4),
            "context": THINGS,
            "globals": THINGS,
            "user": st.one_of(st.fixed_dictionaries({"id": LEAVES, "session": LEAVES}), THINGS),
            "consent": st.one_of(st.dictionaries(WORDS, st.booleans(), max_size=2), THINGS),
            "id": LEAVES,
            "timestamp": LEAVES,
        },
    ),
)
PATHS = st.lists(WORDS, min_size=1, max_size=4).map(".".join)
CONSENTS = st.dictionaries(WORDS, st.booleans(), max_size=2)
CONDITIONS = st.fixed_dictionaries(
    {
        "key": PATHS,
        "operator": st.sampled_from(["eq", "contains", "prefix", "suffix", "gt", "lt", "exists"]),
        "value": st.one_of(st.text(max_size=3), st.integers(), st.booleans()),
    },
    optional={"not": st.booleans()},
)


def configs(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return mapping values that are objects, made of others."""
    items: st.SearchStrategy[Any] = st.one_of(
        inner, st.lists(st.one_of(PATHS, st.just({})), max_size=2)
    )
    return st.fixed_dictionaries(
        {},
        optional={
            "key": PATHS,
            "value": THINGS,
            "consent": CONSENTS,
            "condition": st.one_of(CONDITIONS, st.just("breaks")),
            "fn": st.sampled_from(["breaks", "event", "same"]),
            "validate": st.sampled_from(["number", "object", "breaks"]),
            "loop": st.tuples(st.one_of(st.just("this"), inner), inner).map(list),
            "map": st.dictionaries(WORDS, inner, max_size=3),
            "set": st.lists(items, max_size=3),
        },
    )


VALUES = st.recursive(
    PATHS,
    lambda inner: st.one_of(configs(inner), st.lists(configs(inner), max_size=2)),
    max_leaves=8,
)
POLICIES = st.dictionaries(PATHS, VALUES, max_size=2)
INCLUDES = st.lists(st.sampled_from(["data", "context", "user", "event", "all", "no"]), max_size=2)
RULES = st.fixed_dictionaries(
    {},
    optional={
        "data": VALUES,
        "name": st.text(max_size=4),
        "policy": POLICIES,
        "include": INCLUDES,
        "remove": st.lists(PATHS, max_size=2),
        "consent": CONSENTS,
        "condition": st.one_of(CONDITIONS, st.just("breaks")),
        "silent": st.booleans(),
        "ignore": st.booleans(),
        "settings": st.fixed_dictionaries(
            {},
            optional={
                "identify": VALUES,
                "group": VALUES,
                "page": st.one_of(st.sampled_from([True]), VALUES),
                "screen": VALUES,
                "alias": VALUES,
            },
        ),
    },
)
TABLES = st.dictionaries(
    st.sampled_from(["order", "page", "*"]),
    st.dictionaries(
        st.sampled_from(["complete", "view", "*"]),
        st.one_of(RULES, st.lists(RULES, max_size=2)),
        max_size=2,
    ),
    max_size=3,
)
CONFIGS = st.fixed_dictionaries(
    {"mapping": TABLES},
    optional={"data": VALUES, "policy": POLICIES, "include": INCLUDES, "consent": CONSENTS},
)


def breaks(_value: Any, _context: Any) -> Any:
    """Raise, as an application's function may."""
    raise RuntimeError("mine")


FUNCTIONS = {
    "breaks": breaks,
    "event": lambda _value, context: context.event,
    "same": lambda value, _context: value,
}
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
PATIENT = settings(deadline=None, max_examples=250, suppress_health_check=SLOW)


@PATIENT
@given(EVENTS, VALUES, CONSENTS)
def test_resolving_never_raises_and_writes_to_nothing(event: Any, value: Any, consent: Any) -> None:
    """A stranger's event, whatever is in it, is no danger."""
    before = copy.deepcopy((event, value))
    for compat in (None, "walkeros"):
        resolve(event, value, consent=consent, functions=FUNCTIONS, compat=compat)
    assert repr((event, value)) == repr(before)


@PATIENT
@given(EVENTS, CONFIGS)
def test_mapping_never_raises_and_writes_to_nothing(event: Any, config: Any) -> None:
    """The whole way: policies, rules, data, calls, in both modes."""
    before = copy.deepcopy((event, config))
    for compat in (None, "walkeros"):
        mapping = Mapping(config, functions=FUNCTIONS, compat=compat)
        memory = mapping.memory()
        for _ in range(2):
            mapping.call(event, memory, Stamp("m", "now", 0.0))
        process(event, mapping)
        match(event, config["mapping"], functions=FUNCTIONS)
    assert repr((event, config)) == repr(before)


@PATIENT
@given(THINGS)
def test_reading_a_mapping_raises_nothing_but_its_own_error(config: Any) -> None:
    """Any file that is no mapping is refused in words."""
    for read in (lambda: Mapping(config), lambda: resolve({}, config), lambda: match({}, config)):
        with contextlib.suppress(ConfigurationError):
            read()


@settings(deadline=None, max_examples=100, suppress_health_check=SLOW)
@given(EVENTS, CONFIGS)
def test_no_event_takes_more_than_a_millisecond(event: Any, config: Any) -> None:
    """What does my loop feel of one event? Thread time, the best of three: others share the machine."""
    mapping = Mapping(config, functions=FUNCTIONS)
    memory = mapping.memory()
    took: list[float] = []
    while len(took) < 3 and min(took, default=LIMIT) >= LIMIT:
        began = time.thread_time()
        mapping.call(event, memory, Stamp("m", "now", 0.0))
        took.append((time.thread_time() - began) * 1e3)
    assert min(took) < LIMIT


def test_the_largest_loop_takes_less_than_a_millisecond() -> None:
    """And a thousand elements, which is all that is looked at? Those too."""
    mapping = Mapping(
        {"mapping": {"order": {"complete": {"data": {"map": {"ids": {"loop": ["nested", "id"]}}}}}}}
    )
    event = {
        "name": "order complete",
        "user": {"id": "u"},
        "nested": [{"id": n} for n in range(1_000)],
    }
    took: list[float] = []
    for _ in range(20):
        began = time.thread_time()
        called = mapping.call(event, mapping.memory(), Stamp())
        took.append((time.thread_time() - began) * 1e3)
        assert len(called.messages[0].properties["ids"]) == 1_000
    assert min(took) < LIMIT
