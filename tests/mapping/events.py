"""Events and mappings that several tests use."""

from typing import Any

from asyncsdk.mapping import Mapping


def event(name: str = "order complete", **fields: Any) -> dict[str, Any]:
    """Return a walkerOS event of one user."""
    return {
        "name": name,
        "id": "event-1",
        "timestamp": 1_700_000_000_000,
        "user": {"id": "user-1", "session": "visitor-1"},
        "data": {"id": "o-1", "total": 19.95},
        **fields,
    }


def of_rule(rule: Any, **config: Any) -> Mapping:
    """Return a mapping whose one rule is for completed orders."""
    functions = config.pop("functions", None)
    return Mapping({**config, "mapping": {"order": {"complete": rule}}}, functions=functions)
