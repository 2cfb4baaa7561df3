"""What a destination is: a frozen, hashable value with a name, sane limits and a hidden key."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from asyncsdk.options import Delivery
from asyncsdk.seams import RouteLimits
from asyncsdk.testing.destinations.subject import Subject


def check_value(subject: Subject) -> None:
    """Check what can be seen of the destination before it does anything."""
    _check_name(subject)
    _check_facts(subject)
    _check_frozen(subject)
    _check_equality(subject)
    for route, limits in subject.destination.routes.items():
        _check_limits(subject, route, limits)
    shown = subject.destination
    for how, text in (("repr", repr(shown)), ("str", str(shown)), ("format", f"{shown}")):
        subject.hide(f"its {how}", text)


def _check_name(subject: Subject) -> None:
    name = subject.ask_twice("name", lambda: subject.destination.name)
    subject.demand(isinstance(name, str) and name, f"name must be a text, this is {name!r}")
    subject.demand(
        name.isprintable() and " " not in name,
        f"name must be printable and without blanks, this is {name!r}: it stands in logs",
    )
    subject.hide("its name", name)


def _check_facts(subject: Subject) -> None:
    one = subject.destination
    wire_key = subject.ask_twice("wire_key", lambda: one.wire_key)
    subject.demand(isinstance(wire_key, bool), "wire_key must be True or False")
    for what, options in (
        ("delivery", subject.ask_twice("delivery", lambda: one.delivery)),
        ("defaults", subject.ask_twice("defaults", lambda: one.defaults)),
    ):
        subject.demand(isinstance(options, Delivery), f"{what} must be a Delivery(…)")
    routes = subject.ask_twice("routes", lambda: one.routes)
    subject.demand(
        isinstance(routes, Mapping)
        and routes
        and all(isinstance(route, str) and route for route in routes)
        and all(isinstance(limits, RouteLimits) for limits in routes.values()),
        "routes must map the name of each way, at least one, to its RouteLimits(…)",
    )


def _check_frozen(subject: Subject) -> None:
    for field in dict.fromkeys(["name", *subject.fields()]):
        try:
            setattr(subject.destination, field, getattr(subject.destination, field))
        except (AttributeError, TypeError):
            continue
        subject.fail(f"it is not frozen: {field} can be set. Its lane has read it once")


def _check_equality(subject: Subject) -> None:
    one = subject.destination
    number = subject.ask_twice("hash()", lambda: hash(one))
    twin = subject.ask("copy.copy()", lambda: copy.copy(one))
    subject.demand(
        twin == one and one == twin, "it is not equal to a copy: it must be compared by value"
    )
    subject.demand(hash(twin) == number, "a copy, which is equal, has another hash")
    subject.demand(one != object(), "it is equal to anything")


def _check_limits(subject: Subject, route: str, limits: RouteLimits) -> None:
    def demand(met: object, words: str) -> None:
        subject.demand(met, f"routes[{route!r}]: {words}")

    for name in ("max_events", "max_bytes", "event_overhead", "body_overhead"):
        value = getattr(limits, name)
        least = 1 if name.startswith("max") else 0
        is_count = isinstance(value, int) and not isinstance(value, bool)
        demand(is_count and value >= least, f"{name} must be a whole number, {least} or more")
    demand(
        limits.body_overhead + limits.event_overhead < limits.max_bytes,
        "no event fits: the overheads alone reach max_bytes",
    )
    most = limits.warn_event_bytes
    demand(
        most is None or 0 < most <= limits.max_bytes,
        "warn_event_bytes must be more than 0 and no more than max_bytes, or None",
    )
