"""Consent: what a mapping asks for, and whether it is granted.

One name that is true in both is enough; an empty requirement is met; a requirement of false never
matches. Of several places that say what is granted one counts: they replace each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asyncsdk.mapping.paths import step
from asyncsdk.mapping.properties import NO_VALUE, is_true


def is_granted(required: Mapping[str, Any], state: Any) -> bool:
    """Say whether *state* grants one of the purposes that are *required*."""
    if not required:
        return True
    if state is True:
        return any(required.values())
    if not isinstance(state, Mapping):
        return False
    return any(wanted and is_true(state.get(name, NO_VALUE)) for name, wanted in required.items())


def is_denied(required: Mapping[str, Any], state: Any) -> bool:
    """Say whether *state* says no to every purpose that is *required*: waiting would not help."""
    wanted = [name for name, one in required.items() if one]
    if state is False:
        return True
    return isinstance(state, Mapping) and all(state.get(name) is False for name in wanted)


def consent_of(value: Any, otherwise: Any) -> Any:
    """Return the consent that *value* itself carries, or *otherwise*."""
    own = step(value, "consent")
    return own if own is not NO_VALUE and is_true(own) else otherwise
