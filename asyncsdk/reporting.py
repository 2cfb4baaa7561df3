"""Reporting: how trouble in the background reaches people, without hurting their program.

Every kind of trouble has one log line per `QUIET` seconds, with the count of what was not said.
Hooks are the user's code: whatever they raise is caught and logged once per hook. Lines carry
ids, counts, sizes and statuses, never event contents and never keys.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from asyncio import CancelledError
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from msgspec import Struct

from asyncsdk.errors import DeliveryError

T = TypeVar("T")

#: Seconds for which one kind of trouble is not logged again.
QUIET = 30.0

logger: logging.Logger = logging.getLogger("asyncsdk")
logger.addHandler(logging.NullHandler())

#: Called with the error when a batch or an event will not arrive, and when a lane stops.
ErrorHook = Callable[[DeliveryError], object]
#: Called with the reason and how many events were dropped for it.
DropHook = Callable[[str, int], object]
#: Called with the kind of an event in the background and its facts.
EventHook = Callable[[str, Mapping[str, Any]], object]


class Sending(Struct, frozen=True, kw_only=True):
    """A request that is about to be made.

    Attributes:
        destination: The destination's name.
        url: Where it goes; holds no key.
        method: The HTTP method.
        events: How many events it carries.
        bytes: Size of its body, as it goes on the wire.
        attempt: 1 for the first one of these events.
    """

    destination: str
    url: str
    method: str
    events: int
    bytes: int
    attempt: int


class Sent(Struct, frozen=True, kw_only=True):
    """What came of a request.

    Attributes:
        fate: In one word: ``delivered``, ``again`` (it will be sent again), ``split`` (in parts),
            ``never`` (refused for good), ``stop`` (the destination stands still), ``cancelled``.
        status: The HTTP status, None without an answer.
        code: Why there was no answer, or the server's own error code.
    """

    fate: str
    status: int | None = None
    code: str | None = None


#: Called with what came of a request.
SentHook: TypeAlias = Callable[[Sent], object]
#: Called before each request; what it returns is called after it.
RequestHook: TypeAlias = Callable[[Sending], SentHook | None]


class Reporter:
    """Tell hooks and the log about one client's troubles; safe to use from any thread."""

    def __init__(
        self,
        monotonic: Callable[[], float],
        *,
        on_error: ErrorHook | None = None,
        on_drop: DropHook | None = None,
        on_event: EventHook | None = None,
        on_request: RequestHook | None = None,
    ) -> None:
        self._monotonic = monotonic
        self._on_error = on_error
        self._on_drop = on_drop
        self._on_event = on_event
        self.on_request: RequestHook | None = on_request
        # This is all that changes: when a kind was last said, how often it was swallowed since,
        # which hooks and places were complained about.
        self._said: dict[str, float] = {}
        self._swallowed: dict[str, int] = {}
        self._once: set[str] = set()
        self._inside: set[int] = set()  # threads in which a hook is running

    def say(
        self,
        kind: str,
        text: str,
        *,
        level: int = logging.WARNING,
        count: int = 1,
        quiet: float = QUIET,
    ) -> None:
        """Log *text* unless this *kind* was logged in the last *quiet* seconds.

        Args:
            kind: What sort of trouble it is: a word, and where it has them a destination and a
                reason. Log records have them as ``asyncsdk_kind``, ``asyncsdk_destination`` and
                ``asyncsdk_reason``, and the count as ``asyncsdk_count``.
            text: The line; ``{count}`` in it becomes what happened since the last line.
            level: The logging level.
            count: How much of it happened.
            quiet: Seconds for which it is said no more.
        """
        now = self._monotonic()
        total = self._swallowed.get(kind, 0) + count
        if now - self._said.get(kind, -quiet) < quiet:
            self._swallowed[kind] = total
            return
        self._said[kind] = now
        self._swallowed[kind] = 0
        word, _, rest = kind.partition(" ")
        destination, _, reason = rest.partition(" ")
        facts = {"kind": word, "count": total, "destination": destination, "reason": reason}
        _log(level, text.replace("{count}", str(total)), facts)

    def once(self, place: str, text: str, *, level: int = logging.WARNING) -> None:
        """Log *text* the first time that *place* is named, and never again.

        The first word of *place* is the record's ``asyncsdk_kind``, the rest its ``asyncsdk_place``.
        """
        if place not in self._once:
            self._once.add(place)
            word, _, rest = place.partition(" ")
            _log(level, text, {"kind": word, "place": rest})

    def error(self, error: DeliveryError) -> None:
        """Hand *error* to `on_error`."""
        if self._on_error is not None:
            self._call("on_error", lambda hook: hook(error), self._on_error)

    def drop(self, lane: str, reason: str, count: int = 1) -> None:
        """Say that *count* events for *lane* were dropped; hooks hear of it unless one is running."""
        self.say(
            f"drop {lane} {reason}",
            f"{lane}: dropped {{count}} events ({_WORDS.get(reason, reason)})",
            count=count,
        )
        if self._on_drop is not None:
            self._call("on_drop", lambda hook: hook(reason, count), self._on_drop)

    def event(self, kind: str, **facts: Any) -> None:
        """Hand *facts* about something that happened to `on_event`."""
        if self._on_event is not None:
            self._call("on_event", lambda hook: hook(kind, facts), self._on_event)

    def call(self, name: str, hook: Callable[[T], object], fact: T) -> None:
        """Hand *fact* to a *hook* of the user's that is called *name*."""
        self._call(name, lambda one: one(fact), hook)

    def sending(self, request: Sending) -> SentHook | None:
        """Hand *request* to `on_request`; return who wants to hear what came of it."""
        heard: list[SentHook | None] = []
        if self.on_request is not None:
            self._call("on_request", lambda hook: heard.append(hook(request)), self.on_request)
        return heard[0] if heard and callable(heard[0]) else None

    def sent(self, hook: SentHook | None, outcome: Sent) -> None:
        """Tell the *hook* that `sending` returned what came of its request."""
        if hook is not None:
            self.call("on_request", hook, outcome)

    def hook_failed(
        self, name: str, error: BaseException, *, then: str = "delivery goes on without it"
    ) -> None:
        """Say once that the user's hook *name* raised, and what comes *then*.

        The kind of error only, not its text.
        """
        self.once(
            f"hook {name}",
            f"{name} raised {type(error).__name__}; {then} (said once)",
            level=logging.ERROR,
        )

    def _call(self, name: str, call: Callable[[Any], object], hook: Any) -> None:
        thread = threading.get_ident()
        if thread in self._inside:
            return  # a hook that makes calls would be told of their troubles for ever
        self._inside.add(thread)
        try:
            call(hook)
        # A cancellation that comes out of a plain function is none of ours either.
        except (Exception, CancelledError) as error:  # noqa: BLE001 - the user's code may raise anything
            self.hook_failed(name, error)
        finally:
            self._inside.discard(thread)


_WORDS = {
    "queue_full": "the queue is full; raise max_queue_events, or see why the server is slow",
    "shutdown": "shutdown ended before they were delivered",
    "closed": "the client is closed; call before leaving its async with block",
    "before_send": "a before_send hook returned None",
    "consent": "their users have not agreed to what the destination asks for",
    "hook_failed": "a before_send hook raised",
    "invalid": "a call broke a rule",
    "nobody": "their mapping found neither a user's id nor a visitor's",
}


def _log(level: int, text: str, facts: Mapping[str, object]) -> None:
    extra = {f"asyncsdk_{name}": fact for name, fact in facts.items() if fact != ""}
    # The application's handlers and filters may raise anything; there is nobody left to tell.
    with contextlib.suppress(Exception):
        logger.log(level, "asyncsdk: %s", text, extra=extra)
