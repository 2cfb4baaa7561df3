"""Mapping: walkerOS events onto analytics calls; a pure room.

A mapping says, by an event's entity and action, which calls an event leads to and what is in them.
It is data: JSON, YAML or Python dicts, decoded and compiled into functions once.

    mapping = Mapping({"mapping": {"order": {"complete": {"name": "Order Completed"}}}})
    messages = calls(event, mapping, Memory())

Source: @walkeros/core 4.2.1, run case by case (checked 2026-11).
"""

from asyncsdk.mapping.calling import Called, Stamp
from asyncsdk.mapping.mapping import Mapping, Matched, calls, match, process, resolve
from asyncsdk.mapping.memory import Memory, Remember
from asyncsdk.mapping.merging import merge
from asyncsdk.mapping.planning import Processed
from asyncsdk.mapping.properties import NO_VALUE, NoValue
from asyncsdk.mapping.tracing import Context, Failure

__all__ = [
    "NO_VALUE",
    "Called",
    "Context",
    "Failure",
    "Mapping",
    "Matched",
    "Memory",
    "NoValue",
    "Processed",
    "Remember",
    "Stamp",
    "calls",
    "match",
    "merge",
    "process",
    "resolve",
]
