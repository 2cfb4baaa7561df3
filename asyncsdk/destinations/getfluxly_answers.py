"""What GetFluxly's answers mean: a batch is judged event by event, an alias for itself.

    202 {"accepted", "rejected", "errors": [{"index", "error", "detail"}]}   the batch was taken
    200 {"alias": {...}}                                                     the ids were joined

Errors say ``{"error": "code", "detail": "words"}``, or ``{"error": {"code", "message"}}``. A yes
that is empty, or JSON without these fields, is a yes to all; one that is not JSON is no answer,
and the same comes again: the idempotency key keeps that from counting twice.

Source: docs.getfluxly.com, getfluxly 0.1.4 for Python, recorded (checked 2026-11).
"""

from __future__ import annotations

from typing import Any

from msgspec import structs

from asyncsdk.destinations.answers import (
    in_words,
    json_in,
    judge_status,
    no_answer,
    readable,
    refusal_in,
    with_words,
)
from asyncsdk.destinations.secrets import Secret
from asyncsdk.seams import Fate, HttpResponse, Refusal, Verdict
from asyncsdk.wire.encoding import encode

_UNNAMED = "rejected without a word"


def judge(response: HttpResponse, count: int, key: Secret, *, alias: bool) -> Verdict:
    """Say what *response* means for the *count* events of a batch, or for an alias.

    A refusal of an alias, a wrong key included, is a final no to it alone: it stops no event.
    """
    verdict = judge_status(response, key)
    if verdict.fate is Fate.DELIVERED:
        return _judge_alias(response) if alias else _judge_batch(response, count, key)
    if verdict.code is None:
        verdict = with_words(verdict, response, key)
    if alias and verdict.fate is not Fate.AGAIN:
        why = _why_no_alias(verdict, response, key)
        return structs.replace(verdict, fate=Fate.NEVER, reason=why)
    return verdict


def _judge_batch(response: HttpResponse, count: int, key: Secret) -> Verdict:
    """Read which events of a batch that was taken the server rejected all the same."""
    try:
        content = json_in(response)
    except ValueError:
        return no_answer(response, "the answer is not JSON")
    fields: dict[str, Any] = content if isinstance(content, dict) else {}
    said = _errors_in(fields.get("errors"), count, key)
    verdict = Verdict(
        fate=Fate.DELIVERED,
        status=response.status,
        but=dict.fromkeys(said, Fate.NEVER),
        refusals=said,
    )
    rejected = fields.get("rejected")
    if type(rejected) is not int or rejected <= len(said):
        return verdict
    if rejected == count:
        return structs.replace(verdict, fate=Fate.NEVER, reason=_UNNAMED)
    return structs.replace(
        verdict,
        reason=f"{rejected - len(said)} of {count} events were rejected, and the answer does not "
        "say which: they count as delivered",
    )


def _errors_in(errors: object, count: int, key: Secret) -> dict[int, Refusal]:
    """Return what was said of each event that is named; an index outside the batch names none."""
    found: dict[int, Refusal] = {}
    for error in errors if isinstance(errors, list) else ():
        index = error.get("index") if isinstance(error, dict) else None
        if type(index) is int and 0 <= index < count:
            said = refusal_in(error, key)
            found[index] = Refusal(_UNNAMED) if said is None else Refusal(in_words(said), said.code)
    return found


def _judge_alias(response: HttpResponse) -> Verdict:
    merged = _fields_of(response).get("alias")
    if not isinstance(merged, dict):
        return no_answer(response, "the answer to an alias does not have it")
    return Verdict(fate=Fate.DELIVERED, status=response.status, answer=encode(merged))


def _why_no_alias(verdict: Verdict, response: HttpResponse, key: Secret) -> str:
    if verdict.code != "wrong_key_type":
        return verdict.reason
    received = readable(str(_fields_of(response).get("received", "another one")), key)
    return f"alias needs a server key (gflux_secret_…), this is {received} ({verdict.reason})"


def _fields_of(response: HttpResponse) -> dict[str, Any]:
    try:
        content = json_in(response)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
