"""A local stand-in for the systems that asyncsdk speaks to: for development, demo and tests.

The way of one request: `server` (no rules) takes it, `speaking` (aiohttp) reads it, `bodies`
unpacks it within bounds, `faults` says what goes wrong on purpose, `judging` finds the system it is
for. `lookalikes` (`rudderstack` or `segment`), `getfluxly` or `inslytic` answers by its rules; what
depends on earlier requests stands in `memory`. `ledger` keeps what came, `cutting` breaks
connections.
"""

from asyncsdk.collector.faults import Fault
from asyncsdk.collector.ledger import Event, Received, Summary
from asyncsdk.collector.serve import serve
from asyncsdk.collector.server import Collector

__all__ = ["Collector", "Event", "Fault", "Received", "Summary", "serve"]
