"""The conformance kit of destinations: the promises of the seam, asked of one destination.

what it is      a frozen, hashable value with a name, sane limits, and nothing of its key in sight
encoding        pure; strict JSON without its closing brace, or a reason; whatever a call was given
requests        pure; absolute https, the key in headers alone, the batch's key as `wire_key` says
bodies          whole events in order, in strict JSON, no longer than the limits say
verdicts        every status and every body is judged; nothing but the server's no burns an event

It needs no network, no pytest and no chance: the samples are the same on each run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from asyncsdk.seams import Destination, HttpResponse
from asyncsdk.testing.destinations.bodies import check_bodies
from asyncsdk.testing.destinations.encoding import check_encoding
from asyncsdk.testing.destinations.requests import check_requests
from asyncsdk.testing.destinations.subject import Subject
from asyncsdk.testing.destinations.values import check_value
from asyncsdk.testing.destinations.verdicts import check_verdicts

__all__ = ["check_destination"]


def check_destination(
    destination: Destination,
    *,
    secrets: Collection[str] = (),
    accepted: Mapping[str, HttpResponse] | None = None,
) -> None:
    """Check that *destination* keeps the promises of its seam.

    Args:
        destination: The value to check, made with a key of 8 or more characters.
        secrets: What nobody may see of it, beside its fields that are a `Secret`.
        accepted: By route, the answer with which its system says yes, where that is more than a
            200 with an empty JSON object.

    Raises:
        AssertionError: A promise is broken; it says which, and with what.
    """
    subject = Subject(destination, secrets)
    check_value(subject)
    check_encoding(subject)
    check_requests(subject)
    check_bodies(subject)
    check_verdicts(subject, accepted or {})
    # Once more: what depends on a clock or a counter has moved on meanwhile.
    check_encoding(subject)
