"""Merging: a rule over a rule that was there before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asyncsdk.errors import ConfigurationError
from asyncsdk.mapping.making import copied


def merge(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """Return *override* laid over *base*; neither is written to.

    Without ``extend`` and ``remove`` the override replaces the base. With ``extend`` that is merged
    into it, all the way down, where null deletes; ``remove`` is taken as it is.

    Raises:
        ConfigurationError: One of them is no object, nested too deeply, or a key is no text.
    """
    _check_objects(base=base, override=override)
    if "extend" not in override and "remove" not in override:
        return dict(copied(override, ""))
    extend = override.get("extend") or {}
    _check_objects(extend=extend)
    merged: dict[str, Any] = copied(base, "")
    _patch(merged, copied(extend, "extend"))
    merged.pop("extend", None)
    merged.pop("remove", None)
    if override.get("remove") is not None:
        merged["remove"] = copied(override["remove"], "remove")
    return merged


def merge_rules(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rules of *override* laid over those of *base*, rule by rule.

    A list of rules replaces what was there.

    Raises:
        ConfigurationError: One of them is no object, nested too deeply, or a key is no text.
    """
    _check_objects(defaults=base, rules=override)
    _check_objects(**{f"defaults.{entity}": actions or {} for entity, actions in base.items()})
    _check_objects(**{f"rules.{entity}": actions or {} for entity, actions in override.items()})
    merged: dict[str, Any] = {entity: dict(actions or {}) for entity, actions in base.items()}
    for entity, actions in override.items():
        under = merged.setdefault(entity, {})
        for action, rule in (actions or {}).items():
            below = under.get(action)
            both = isinstance(rule, Mapping) and isinstance(below, Mapping)
            if both:
                _check_objects(**{f"rules.{entity}.{action}.extend": rule.get("extend") or {}})
            under[action] = merge(below, rule) if both else rule
    return merged


def _check_objects(**named: Any) -> None:
    """Refuse what is no object.

    Raises:
        ConfigurationError: Naming the first.
    """
    for name, one in named.items():
        if not isinstance(one, Mapping):
            raise ConfigurationError(f"{name}: an object is needed, this is {type(one).__name__}")


def _patch(target: dict[str, Any], patch: Mapping[str, Any]) -> None:
    for key, value in patch.items():
        below = target.get(key)
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict) and isinstance(below, dict):
            _patch(below, value)
        else:
            target[key] = value
