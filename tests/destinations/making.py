"""Destinations, messages and answers that the tests of this folder share."""

from collections.abc import Callable

from asyncsdk import GetFluxly, Inslytic, PostHog, RudderStack, Segment
from asyncsdk.destinations import Secret
from asyncsdk.messages import Kind, Message
from asyncsdk.seams import HttpResponse

#: Long enough that a masked form of it could still show something.
KEY = "planted-write-key-1234567890"
NOW = "2026-11-21T09:00:00.000Z"

RUDDER = RudderStack(KEY, "https://data.example.com")
SEGMENT = Segment(KEY)
BOTH = (RUDDER, SEGMENT)
INSLYTIC = Inslytic(KEY)
GETFLUXLY = GetFluxly(KEY)
POSTHOG = PostHog(KEY)
ALL = (RUDDER, SEGMENT, POSTHOG, INSLYTIC, GETFLUXLY)
NAMES = ("rudderstack", "segment", "posthog", "inslytic", "getfluxly")

One = RudderStack | Segment | PostHog | Inslytic | GetFluxly
Make = Callable[..., One]


def make_rudder(
    key: str | Secret = KEY, url: str = "https://e.com", **fields: object
) -> RudderStack:
    """Make one with what a user might give, right or wrong."""
    return RudderStack(key, url, **fields)  # type: ignore[arg-type]


def make_segment(key: str | Secret = KEY, url: str = "https://e.com", **fields: object) -> Segment:
    """Make one with what a user might give, right or wrong."""
    return Segment(key, host=url, **fields)  # type: ignore[arg-type]


def make_posthog(key: str | Secret = KEY, url: str = "https://e.com", **fields: object) -> PostHog:
    """Make one with what a user might give, right or wrong."""
    return PostHog(key, host=url, **fields)  # type: ignore[arg-type]


def make_inslytic(
    key: str | Secret = KEY, url: str = "https://e.com", **fields: object
) -> Inslytic:
    """Make one with what a user might give, right or wrong."""
    return Inslytic(key, endpoint=url, **fields)  # type: ignore[arg-type]


def make_getfluxly(
    key: str | Secret = KEY, url: str = "https://e.com", **fields: object
) -> GetFluxly:
    """Make one with what a user might give, right or wrong."""
    return GetFluxly(key, api_host=url, **fields)  # type: ignore[arg-type]


MAKERS: tuple[Make, ...] = (
    make_rudder,
    make_segment,
    make_posthog,
    make_inslytic,
    make_getfluxly,
)


def message(kind: Kind = "track", **fields: object) -> Message:
    """Return a message as a call makes it."""
    made = Message(kind, "m-1", NOW, user_id="u-1")
    if kind == "track":
        made.event = "E"
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def answer(status: int, body: bytes = b"", **headers: str) -> HttpResponse:
    """Return an answer; ``retry_after="5"`` is the header ``retry-after``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status=status, headers=named, body=body)
