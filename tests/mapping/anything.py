"""Any event and any mapping, as strategies."""

from typing import Any

from hypothesis import HealthCheck
from hypothesis import strategies as st

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
