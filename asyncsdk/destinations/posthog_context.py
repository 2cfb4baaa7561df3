"""A call's context in PostHog's words: properties of the event, under the names its pages know.

What has no such name is kept whole, in a property `context`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: By the path in our context, the property at PostHog.
NAMES: Mapping[str, Mapping[str, str] | str] = {
    "ip": "$ip",
    "userAgent": "$raw_user_agent",
    "user_agent": "$raw_user_agent",
    "locale": "$locale",
    "timezone": "$timezone",
    "python_version": "$python_version",
    "page": {
        "url": "$current_url",
        "path": "$pathname",
        "referrer": "$referrer",
        "title": "title",
    },
    "campaign": {
        "source": "utm_source",
        "medium": "utm_medium",
        "name": "utm_campaign",
        "term": "utm_term",
        "content": "utm_content",
    },
    "app": {"name": "$app_name", "version": "$app_version", "build": "$app_build"},
    "os": {"name": "$os", "version": "$os_version"},
    "device": {
        "id": "$device_id",
        "type": "$device_type",
        "model": "$device_model",
        "manufacturer": "$device_manufacturer",
    },
    "screen": {"width": "$screen_width", "height": "$screen_height"},
}


def properties_of(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return *context* as properties of an event."""
    found: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for name, value in context.items():
        known = NAMES.get(name)
        if isinstance(known, str):
            found[known] = value
        elif known is not None and isinstance(value, Mapping):
            _sort(name, value, known, found, rest)
        else:
            rest[name] = value
    return {**found, "context": rest} if rest else found


def _sort(
    name: str,
    values: Mapping[str, Any],
    known: Mapping[str, str],
    found: dict[str, Any],
    rest: dict[str, Any],
) -> None:
    """Put what is *known* of an object in a context into *found*, what is not into *rest*."""
    others: dict[str, Any] = {}
    for key, value in values.items():
        if key in known:
            found[known[key]] = value
        else:
            others[key] = value
    if others:
        rest[name] = others
