"""Destinations: the systems that events go to, one module each, all of them pure values."""

from asyncsdk.destinations.getfluxly import GetFluxly
from asyncsdk.destinations.inslytic import Inslytic
from asyncsdk.destinations.rudderstack import RudderStack
from asyncsdk.destinations.secrets import Secret
from asyncsdk.destinations.segment import Segment

__all__ = ["GetFluxly", "Inslytic", "RudderStack", "Secret", "Segment"]
