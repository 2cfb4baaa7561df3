"""Recording: what an application says, kept instead of sent, and looked into.

Everything up to the door is real: checks, bound ids and context, consent, `before_send` hooks, encoding
for each destination. At the door an event counts as delivered at once, so receipts and statistics say
so, and no loop and no server is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Lock
from typing import Any, overload
from unittest import mock

from msgspec import structs

from asyncsdk.client import AsyncAnalytics, posting, saying
from asyncsdk.delivery.lane import Lane
from asyncsdk.errors import ValidationError
from asyncsdk.messages import Event, Kind, Message, properties_of
from asyncsdk.outside import Outside
from asyncsdk.receipts import AWAITS_CONSENT, DELIVERED, Outcome, Place, Receipt, State
from asyncsdk.seams import Encoded
from asyncsdk.testing.comparing import differences, plain
from asyncsdk.wire.ids import given_id
from asyncsdk.wire.times import format_time, read_timestamp
from asyncsdk.wire.values import own_copy

_FIELDS = Message.__struct_fields__
#: Fresh with every call unless they are steady.
_FRESH = frozenset({"message_id", "original_timestamp"})
_START = datetime(2026, 1, 1, tzinfo=UTC)
#: Where a number goes as its text.
_IDS = frozenset({"user_id", "anonymous_id"})
_TIMES = frozenset({"timestamp", "original_timestamp"})
#: Recorded calls that a failure shows.
_SHOWN = 3


class Recording(Sequence[Message]):
    """The calls that would have been sent, oldest first, as `Message`s of their own."""

    def __init__(self, patches: ExitStack) -> None:
        self._patches = patches
        self._lock = Lock()
        # This is all that changes.
        self._messages: list[Message] = []
        self._held: list[tuple[Receipt, Message]] = []  # until their users agree
        self._steady = False
        self._passes_on = False

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Message]: ...
    def __getitem__(self, index: int | slice) -> Message | Sequence[Message]:
        """Return one call, or several."""
        return self._messages[index]

    def __len__(self) -> int:
        """Return how many calls there are."""
        return len(self._messages)

    def __repr__(self) -> str:
        """Show the calls, one a line."""
        return f"<Recording of {len(self)} calls>"

    def clear(self) -> None:
        """Forget what was recorded so far."""
        self._messages.clear()
        self._held.clear()

    def pass_on(self) -> None:
        """From here on let events go their way as well, such as to the fixture `collector`."""
        self._passes_on = True

    def steady(self, start: datetime = _START, *, step: float = 1.0) -> None:
        """From here on give calls ids and times that are the same in every run.

        Args:
            start: The time of the next call.
            step: Seconds between two calls.
        """
        if self._steady:
            raise RuntimeError("steady: was called before in this recording")
        self._steady = True
        numbers = count()

        def stamp(_outside: Outside) -> tuple[str, str]:
            number = next(numbers)
            at = format_time(start + timedelta(seconds=number * step))
            return f"00000000-0000-7000-8000-{number + 1:012x}", at

        self._patches.enter_context(mock.patch.object(Outside, "stamp", stamp))

    def as_dicts(self) -> list[dict[str, Any]]:
        """Return the calls as plain values, for snapshots: what was not given is left out.

        Ids and times of the calls are in it once they are `steady`.
        """
        left_out = frozenset[str]() if self._steady else _FRESH
        return [
            {
                name: plain(value)
                for name, value in structs.asdict(message).items()
                if value is not None and value is not False and name not in left_out
            }
            for message in self._messages
        ]

    def assert_tracked(
        self, event: str | Event | type[Event], *, times: int | None = None, **expected: Any
    ) -> Message:
        """Check that *event* was tracked, and return the first call that fits.

        Args:
            event: Its name; a typed event also says its properties.
            times: How often it must have been, 1 or more; None: once or more.
            expected: Fields of the call, such as ``user_id`` and ``properties``. Of objects only the
                keys that are named here count.

        Raises:
            AssertionError: It was not; says what differs in the calls that come closest.
            TypeError: A call has no such field.
            ValueError: *times* is less than 1: `assert_not_tracked` checks that there is none.
        """
        __tracebackhide__ = True
        return self.assert_called("track", times=times, **_of_event(event, expected))

    def assert_not_tracked(self, event: str | Event | type[Event], **expected: Any) -> None:
        """Check that *event* was not tracked, or not like this.

        Raises:
            AssertionError: It was.
            TypeError: A call has no such field.
        """
        __tracebackhide__ = True
        self.assert_not_called("track", **_of_event(event, expected))

    def assert_called(self, kind: Kind, *, times: int | None = None, **expected: Any) -> Message:
        """Check that a call of this *kind* was made; as `assert_tracked` in all else.

        Raises:
            AssertionError: It was not; says what differs in the calls that come closest.
            TypeError: A call has no such field.
            ValueError: *times* is less than 1: `assert_not_called` checks that there is none.
        """
        __tracebackhide__ = True
        if times is not None and times < 1:
            raise ValueError(
                f"times={times}: 1 or more; assert_not_tracked and assert_not_called check that "
                "there is none"
            )
        fitting = self._fitting(kind, expected)
        if fitting and times in (None, len(fitting)):
            return fitting[0]
        raise AssertionError(self._complaint(kind, expected, times, len(fitting)))

    def assert_not_called(self, kind: Kind, **expected: Any) -> None:
        """Check that no call of this *kind* was made, or none like this.

        Raises:
            AssertionError: One was.
            TypeError: A call has no such field.
        """
        __tracebackhide__ = True
        fitting = self._fitting(kind, expected)
        if fitting:
            raise AssertionError(
                f"{_show(kind, expected)} was recorded {len(fitting)} times, and should not have been"
            )

    def _fitting(self, kind: Kind, expected: Mapping[str, Any]) -> list[Message]:
        unknown = sorted(expected.keys() - set(_FIELDS))
        if unknown:
            raise TypeError(f"{unknown[0]}: a call has no such field; it has {', '.join(_FIELDS)}")
        of_kind = [message for message in self._messages if message.type == kind]
        return [message for message in of_kind if not _lines(expected, message)]

    def _complaint(
        self, kind: Kind, expected: Mapping[str, Any], times: int | None, found: int
    ) -> str:
        often = "" if times is None else f" {times} times, but {found}"
        head = f"{_show(kind, expected)} was not recorded{often}"
        if not self._messages:
            return f"{head}; nothing was"
        others = [message for message in self._messages if message.type == kind] or self._messages
        others = sorted(others, key=lambda message: _distance(kind, expected, message))[:_SHOWN]
        parts = [f"{head}; of {len(self)} calls these come closest:"]
        for message in others:
            parts.append(f"  {_show(message.type, _telling(message))}")
            parts += [f"    {line}" for line in _lines(expected, message)]
        return "\n".join(parts)

    def note(self, message: Message, receipt: Receipt) -> None:
        """Keep *message* unless it would have been sent nowhere; the recorder calls it.

        What is held for consent is kept once it was let go on to one destination.
        """
        fates = receipt.outcomes.values()
        if all(map(_goes_nowhere, fates)):
            return
        own = Message(**{name: own_copy(getattr(message, name)) for name in _FIELDS})
        if all(fate == AWAITS_CONSENT or _goes_nowhere(fate) for fate in fates):
            self._held.append((receipt, own))
        else:
            self._messages.append(own)

    def look_again(self) -> None:
        """Keep what was held and may go by now; the recorder calls it."""
        held, self._held = self._held, []
        for receipt, message in held:
            self.note(message, receipt)

    @property
    def passes_on(self) -> bool:
        """Whether events go their way as well."""
        return self._passes_on

    def takes(self, lane: Lane, place: Place) -> bool:
        """Settle an event at the door, unless events are passed on; the recorder calls it."""
        if self._passes_on:
            return False
        with self._lock:  # calls come from any thread, and no lane has an owner here
            lane.ledger.accepted += 1
            lane.ledger.settle(DELIVERED, 1)
        place.outcome = DELIVERED
        return True


@contextmanager
def record() -> Iterator[Recording]:
    """Record the calls of every client in this process, instead of sending them.

    The fixture `analytics_events` does this around a test.
    """
    with ExitStack() as patches:
        recording = Recording(patches)
        hand_over = saying.Saying._hand_over  # noqa: SLF001 - the one place that every call passes

        def hear(
            self: saying.Saying, message: Message, found: list[tuple[Lane, Encoded]]
        ) -> Receipt:
            asks = message.send_feature_flags
            if not recording.passes_on:
                message.send_feature_flags = False  # it would wait for a server's answer
            try:
                receipt = hand_over(self, message, found)
            finally:
                message.send_feature_flags = asks
            recording.note(message, receipt)
            return receipt

        release = AsyncAnalytics.consent

        def agree(self: AsyncAnalytics, *args: Any, **kwargs: Any) -> int:
            released = release(self, *args, **kwargs)
            recording.look_again()
            return released

        patches.enter_context(mock.patch.object(saying.Saying, "_hand_over", hear))
        patches.enter_context(mock.patch.object(AsyncAnalytics, "consent", agree))
        for room in (saying, posting):
            patches.enter_context(mock.patch.object(room, "take", _taking(recording)))
        yield recording


def _taking(recording: Recording) -> Callable[..., bool]:
    take = posting.take

    def take_or_settle(lane: Lane, encoded: Encoded, place: Place, *, owner: bool) -> bool:
        return recording.takes(lane, place) or take(lane, encoded, place, owner=owner)

    return take_or_settle


def _of_event(event: str | Event | type[Event], expected: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(event, str):
        return {"event": event, **expected}
    if isinstance(event, type):
        return {"event": event.event_name, **expected}
    properties = {**properties_of(event), **(expected.get("properties") or {})}
    return {"event": event.event_name, **expected, "properties": properties}


def _lines(expected: Mapping[str, Any], message: Message) -> list[str]:
    return [
        line
        for name, value in expected.items()
        for line in differences(value, _as_said(name, value, getattr(message, name)), name)
    ]


def _as_said(name: str, expected: Any, found: Any) -> Any:
    """Return what was *expected* if the id or time *found* is the same on the wire; else *found*."""
    if name in _IDS and isinstance(expected, str | int | float):
        return expected if given_id(expected) == given_id(found) else found
    if name in _TIMES and isinstance(expected, str) and isinstance(found, str):
        return expected if _moment(expected) == found else found
    return found


def _moment(text: str) -> str:
    """Return a time as calls keep it; what is none stays as it is."""
    with suppress(ValidationError):
        return read_timestamp(text)[0]
    return text


def _goes_nowhere(fate: Outcome) -> bool:
    return fate.state is State.DROPPED and fate.reason != "disabled"


def _distance(kind: Kind, expected: Mapping[str, Any], message: Message) -> tuple[bool, bool, int]:
    """Say how far *message* is from what was expected: another kind, another event, other facts."""
    other_event = "event" in expected and expected["event"] != message.event
    return message.type != kind, other_event, len(_lines(expected, message))


def _telling(message: Message) -> dict[str, Any]:
    """Return what a reader tells a call by."""
    names = ("event", "name", "user_id", "anonymous_id", "group_id", "previous_id")
    return {name: value for name in names if (value := getattr(message, name)) is not None}


def _show(kind: str, fields: Mapping[str, Any]) -> str:
    return f"{kind}({', '.join(f'{name}={value!r}' for name, value in fields.items())})"
