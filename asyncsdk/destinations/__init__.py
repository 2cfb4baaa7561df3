"""Destinations: the systems that events go to, one module each, all of them pure values.

A destination of your own is made of the same parts: `endpoint` checks an address, `encode` makes
JSON, `identity_reader` reads an event's id and time, `judge_status` says what a status means.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from asyncsdk.destinations.addresses import endpoint
from asyncsdk.destinations.answers import judge_status
from asyncsdk.destinations.identities import identity_reader
from asyncsdk.destinations.secrets import Secret
from asyncsdk.wire.encoding import encode

if TYPE_CHECKING:
    from asyncsdk.destinations.getfluxly import GetFluxly
    from asyncsdk.destinations.inslytic import Inslytic
    from asyncsdk.destinations.posthog import PostHog
    from asyncsdk.destinations.rudderstack import RudderStack
    from asyncsdk.destinations.segment import Segment
else:

    def __getattr__(name: str) -> type:
        """Load a system's module with the first use of its name: a client needs one, seldom all."""
        if name in SYSTEMS:
            return getattr(import_module(f"{__name__}.{name.lower()}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *SYSTEMS})


#: The destinations, each in the module of its name.
SYSTEMS = frozenset({"GetFluxly", "Inslytic", "PostHog", "RudderStack", "Segment"})

__all__ = [
    "GetFluxly",
    "Inslytic",
    "PostHog",
    "RudderStack",
    "Secret",
    "Segment",
    "encode",
    "endpoint",
    "identity_reader",
    "judge_status",
]
