"""What PostHog's answers to events mean.

    200 {"status": "Ok"}                              the events were taken
    200 {"status": "Ok", "quota_limited": ["events"]}  they were taken, and will not be counted

Everything else is as `judge_status` has it: a request is refused whole, so what is too large (413)
or wrong (400) is found in parts.

Source: posthog-node 5.70.0 and posthog 7.91.1 for Python, measured (checked 2026-11).
"""

from __future__ import annotations

from typing import Any

from msgspec import structs

from asyncsdk.destinations.answers import json_in, judge_status
from asyncsdk.destinations.secrets import Secret
from asyncsdk.seams import Fate, HttpResponse, Verdict

# What PostHog counts; other words are the server's, and no log line has those.
_RESOURCES = ("events", "exceptions", "recordings", "feature_flags", "surveys", "llm_events")


def judge(response: HttpResponse, key: Secret, *others: Secret) -> Verdict:
    """Say what *response* means for all events of its request.

    Args:
        response: The whole answer.
        key: The key that the request carried; masked in the server's words.
        others: Keys of the same owner, which are masked as well.
    """
    for other in others:
        words = response.body.decode("utf-8", "replace")
        response = structs.replace(response, body=other.mask(words).encode())
    verdict = judge_status(response, key)
    if verdict.fate is not Fate.DELIVERED:
        return verdict
    limited = _limited(response)
    if limited is None:
        return verdict
    reason = f"the project's quota is used up{limited}: PostHog takes events and drops them"
    return structs.replace(verdict, reason=reason)


def _limited(response: HttpResponse) -> str | None:
    """Say of what there is no quota left, in words that we know: they stand in a log line."""
    try:
        content = json_in(response)
    except ValueError:
        return None
    fields: dict[str, Any] = content if isinstance(content, dict) else {}
    limited = fields.get("quota_limited")
    if not isinstance(limited, list) or not limited:
        return None
    known = [name for name in _RESOURCES if name in limited]
    return f" ({', '.join(known)})" if known else ""
