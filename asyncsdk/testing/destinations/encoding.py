"""Encoding: a message becomes bytes as a client has it done, or the destination says why not."""

from __future__ import annotations

from functools import partial

from asyncsdk.client.gate import is_plain
from asyncsdk.client.posting import clean_up, encode_as_it_is
from asyncsdk.errors import ValidationError
from asyncsdk.messages import Message
from asyncsdk.seams import Destination, Encoded, Unsupported
from asyncsdk.testing.destinations.messages import samples
from asyncsdk.testing.destinations.subject import Made, Subject, strict_json

_OBJECTS = ("properties", "traits", "context", "integrations", "groups", "flags")


def check_encoding(subject: Subject) -> None:
    """Check every sample; what has a form is noted for the checks of bodies."""
    for (title, message), (_, twin) in zip(samples(), samples(), strict=True):
        what = f"encode({title})"
        as_given = repr(message)
        first = form_of(subject, what, message)
        subject.demand(
            repr(message) == as_given, f"{what} wrote to the message, which others get too"
        )
        again = form_of(subject, what, twin)
        before = subject.made.get(title)
        subject.demand(
            first == again and (before is None or before.encoded == first),
            f"{what} is not pure: an equal message gave other bytes",
        )
        if isinstance(first, Encoded):
            times = (message.original_timestamp, message.timestamp)
            made = Made(title, message.message_id, times, first)
            _check_identity(subject, made)
            subject.made[title] = made
    subject.demand(subject.made, "encode has a form for no call at all")


def form_of(subject: Subject, what: str, message: Message) -> Encoded | Unsupported | None:
    """Encode *message* as a client does, cleaned up if need be, and check its form.

    Returns:
        Its form, or None if the destination refuses it.
    """
    destination = subject.destination
    plain = all(is_plain(getattr(message, name)) for name in _OBJECTS)
    found = encode_as_it_is(destination, message, plain=plain)
    if found is None:
        cleaned, _ = clean_up(message, strict=False)
        made = subject.ask(f"{what}, cleaned up,", partial(_encoded, destination, cleaned))
        if isinstance(made, ValidationError):
            subject.hide(f"the refusal of {what}", str(made))
            return None
        found = made
    _check_form(subject, what, found)
    return found


def _encoded(destination: Destination, message: Message) -> Encoded | Unsupported | ValidationError:
    try:
        return destination.encode(message)
    except ValidationError as refused:
        return refused


def _check_form(subject: Subject, what: str, found: Encoded | Unsupported) -> None:
    if isinstance(found, Unsupported):
        reason = found.reason
        subject.demand(
            isinstance(reason, str) and reason and reason.isprintable(),
            f"{what} is Unsupported without a reason in one line: people read it",
        )
        subject.hide(f"the reason of {what}", reason)
        return
    subject.demand(isinstance(found, Encoded), f"{what} must be Encoded(…) or Unsupported(…)")
    subject.demand(
        found.route in subject.destination.routes, f"{what} takes {found.route!r}, no route of its"
    )
    subject.demand(isinstance(found.data, bytes), f"{what}: data must be bytes")
    _check_object(subject, what, found.data)


def _check_object(subject: Subject, what: str, data: bytes) -> None:
    try:
        event = strict_json(data + b"}")
    except (ValueError, RecursionError) as error:
        subject.fail(
            f"{what}: data must be one JSON object without its closing brace, this is not: {error}"
        )
    subject.demand(
        isinstance(event, dict) and event, f"{what}: data must be an object that says something"
    )


def _check_identity(subject: Subject, made: Made) -> None:
    what = f"identity of encode({made.title})"
    route, data = made.encoded.route, made.encoded.data
    found = subject.ask_twice(what, lambda: subject.destination.identity(route, data))
    subject.demand(
        isinstance(found, tuple) and found[:1] == (made.message_id,),
        f"{what} must find the message id {made.message_id!r}, not {found!r}",
    )
    subject.demand(
        len(found) == 2 and found[1] in made.times,
        f"{what} must find the time of the call, {made.times[0]!r}, not {found!r}",
    )
