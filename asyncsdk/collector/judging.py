"""From a request to the system whose rules answer it. Pure: no clock, no network.

A later system is a module that offers what `System` says, and a name in the list here.
"""

from typing import Protocol

from asyncsdk.collector import getfluxly, inslytic, lookalikes, posthog
from asyncsdk.collector.answers import Answer, plain_error
from asyncsdk.collector.cases import Desk, Head


class System(Protocol):
    """Says what the module of a system offers."""

    def route_of(self, path: str) -> str | None:
        """Return which of the system's paths *path* ends with, None if it is none of them."""
        ...

    def answer_by_head(self, head: Head, desk: Desk) -> Answer | None:
        """Answer what needs no body; None if the body decides."""
        ...

    def judge(self, head: Head, body: bytes, desk: Desk) -> Answer:
        """Answer a request that `answer_by_head` let pass; *body* is unpacked."""
        ...

    def words(self, status: int) -> Answer:
        """Answer *status* and nothing else, as the system would."""
        ...

    def broken_body(self) -> Answer:
        """Answer a body that is not what its Content-Encoding promises."""
        ...


_SYSTEMS: tuple[System, ...] = (lookalikes, getfluxly, inslytic, posthog)


def system_of(path: str) -> System:
    """Return the system that *path* belongs to; what is nobody's is answered like RudderStack's."""
    for system in _SYSTEMS:
        if system.route_of(path) is not None:
            return system
    return lookalikes


def answer_by_head(head: Head, desk: Desk) -> Answer | None:
    """Answer what needs no body; None if the body decides.

    Source: rudder-server f2655fb gateway, checked 2026-11; 404 is its router's (chi) default.
    """
    system = system_of(head.path)
    if system.route_of(head.path) is None:
        return plain_error(404, "404 page not found")
    return system.answer_by_head(head, desk)
