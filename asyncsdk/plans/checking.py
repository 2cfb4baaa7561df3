"""Checking: a hook for `before_send` that looks whether what is said keeps to a plan."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct

from asyncsdk.errors import ConfigurationError
from asyncsdk.messages import Event, Message
from asyncsdk.reporting import logger
from asyncsdk.wire.values import clean

Choice = Literal["forward", "drop", "dead_letter"]
_CHOICES = ("forward", "drop", "dead_letter")
#: A float below this is the whole number that it shows.
_EXACT = 2**53


class Violation(Struct, frozen=True):
    """One event that broke the plan.

    Attributes:
        event: Its name.
        reason: The first rule that it breaks, such as ``Expected `float`, got `str` - at
            `$.revenue```; may show a value of the event.
        message: The event.
    """

    event: str
    reason: str
    message: Message


class Check:
    """Look at every `track`, typed or not, and do as was chosen with what breaks the plan.

    ``"forward"``: it goes, with the reason in its context, as ``violations``. ``"drop"``: it does not, and
    counts as dropped by a hook. ``"dead_letter"``: it does not, and is kept here, in memory, until
    somebody `take`s it. Each one is counted in `counts` and told to *on_violation*; the log has one line for
    each event of the plan.

    Args:
        events: The plan's, such as ``EVENTS`` of a written module.
        violations: What becomes of an event whose properties break the plan.
        unknown: What becomes of an event that is not in the plan.
        on_violation: Called with each one, in the thread of the call.
        max_letters: How many dead letters are kept; the oldest go first.

    Raises:
        ConfigurationError: An option is none of its choices, or an event has no name.
    """

    def __init__(
        self,
        events: Iterable[type[Event]],
        *,
        violations: Choice = "forward",
        unknown: Choice = "forward",
        on_violation: Callable[[Violation], object] | None = None,
        max_letters: int = 1_000,
    ) -> None:
        for name, choice in (("violations", violations), ("unknown", unknown)):
            if choice not in _CHOICES:
                raise ConfigurationError(f"{name}={choice!r}: one of {', '.join(_CHOICES)}")
        self._violations: Choice = violations
        self._unknown: Choice = unknown
        self._on_violation = on_violation
        self._planned = {kind.event_name: msgspec.json.Decoder(kind) for kind in events}
        if "" in self._planned:
            raise ConfigurationError('events: one has no name; write class …(Event, event="…")')
        # This is all that changes.
        self._lock = threading.RLock()
        self._counts: dict[str, int] = {}
        self._letters: deque[Violation] = deque(maxlen=max_letters)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many events of each name broke the plan."""
        with self._lock:
            return dict(self._counts)

    def take(self) -> list[Violation]:
        """Return the dead letters, oldest first, and forget them."""
        with self._lock:
            taken = list(self._letters)
            self._letters.clear()
        return taken

    def __call__(self, message: Message) -> Message | None:
        """Let *message* go, or not; `before_send` calls it."""
        if message.type != "track" or message.event is None:
            return message
        decoder = self._planned.get(message.event)
        if decoder is None:
            return self._broken(message, "is not in the plan", self._unknown)
        try:
            plain, _ = clean(message.properties or {}, "properties")
            decoder.decode(msgspec.json.encode(_with_whole_numbers(plain)))
        except msgspec.ValidationError as error:
            return self._broken(message, str(error), self._violations)
        return message

    def _broken(self, message: Message, reason: str, choice: Choice) -> Message | None:
        violation = Violation(message.event or "", reason, message)
        self._tell(violation)
        if choice == "forward":
            context: Any = message.context or {}
            message.context = {**context, "violations": [reason]}
            return message
        if choice == "dead_letter":
            with self._lock:
                self._letters.append(violation)
        return None

    def _tell(self, violation: Violation) -> None:
        planned = violation.event in self._planned
        # Names that nobody planned may be anything, and any number of them.
        name = violation.event if planned else "(not in the plan)"
        with self._lock:
            first = name not in self._counts
            self._counts[name] = self._counts.get(name, 0) + 1
        if first:
            extra = {"asyncsdk_kind": "violation", "asyncsdk_place": name}
            logger.warning("asyncsdk: events break the plan: %s (said once)", name, extra=extra)
        if self._on_violation is None:
            return
        try:
            self._on_violation(violation)
        except Exception as error:  # noqa: BLE001 - the user's code may raise anything
            # Not a reason to lose the event, which another hook's failure is.
            logger.error("asyncsdk: on_violation raised %s", type(error).__name__)


def _with_whole_numbers(value: Any) -> Any:
    """Return plain *value* with each 2.0 as the 2 that it is for JSON Schema."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    if isinstance(value, dict):
        return {key: _with_whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_whole_numbers(item) for item in value]
    return value
