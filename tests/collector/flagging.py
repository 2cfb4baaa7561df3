"""A small shop's flag definitions, and how a PostHog SDK asks for flags."""

from typing import Any

import msgspec

from tests.collector.asking import KEY, Asker

PERSONAL = "phx_personal-key"


def flag(key: str, number: int, **filters: Any) -> dict[str, Any]:
    """Build a flag that is on for everyone, unless *filters* say otherwise."""
    groups = [{"properties": [], "rollout_percentage": 100}]
    return {
        "id": number,
        "key": key,
        "active": True,
        "version": 3,
        "has_experiment": False,
        "filters": {"groups": groups, **filters},
    }


def only(name: str, value: str, **more: Any) -> list[dict[str, Any]]:
    """Build the conditions of a flag for those whose property *name* is *value*."""
    wanted = {"key": name, "type": "person", "value": [value], "operator": "exact"}
    return [{"properties": [wanted], "rollout_percentage": 100, **more}]


VARIANTS = {"variants": [{"key": name, "rollout_percentage": 50} for name in ("control", "test")]}
FLAGS = [
    flag("simple", 11, payloads={"true": '{"color":"blue"}'}),
    flag(
        "layout",
        12,
        groups=only("plan", "pro", variant="test"),
        multivariate=VARIANTS,
        payloads={"test": "[1,2]"},
    ),
    flag("gone", 13) | {"active": False},
    flag("web-only", 14) | {"evaluation_runtime": "client"},
]


def definitions(*flags: dict[str, Any], **more: Any) -> bytes:
    """Build the bytes of a definitions file."""
    known = {"flags": list(flags), "group_type_mapping": {"0": "company"}, "cohorts": {}}
    return msgspec.json.encode({**known, "property_matching_version": 2, **more})


async def flags_of(
    asker: Asker, who: str = "user-1", *, path: str = "/flags/?v=4", **more: Any
) -> dict[str, Any]:
    """Ask for the flags of *who*, as posthog 7.91.1 does; return the answer."""
    body = {"api_key": KEY, "distinct_id": who, "groups": {}, "person_properties": {}, **more}
    got = await asker.post(body, path=path, key=None)
    assert got.status == 200, got.text
    answer: dict[str, Any] = msgspec.json.decode(got.text)
    return answer
