"""Destinations: the systems that events go to, one module each, all of them pure values.

A destination of your own is made of the same parts: `endpoint` checks an address, `encode` makes
JSON, `identity_reader` reads an event's id and time, `judge_status` says what a status means.
"""

from asyncsdk.destinations.addresses import endpoint
from asyncsdk.destinations.answers import judge_status
from asyncsdk.destinations.getfluxly import GetFluxly
from asyncsdk.destinations.identities import identity_reader
from asyncsdk.destinations.inslytic import Inslytic
from asyncsdk.destinations.rudderstack import RudderStack
from asyncsdk.destinations.secrets import Secret
from asyncsdk.destinations.segment import Segment
from asyncsdk.wire.encoding import encode

__all__ = [
    "GetFluxly",
    "Inslytic",
    "RudderStack",
    "Secret",
    "Segment",
    "encode",
    "endpoint",
    "identity_reader",
    "judge_status",
]
