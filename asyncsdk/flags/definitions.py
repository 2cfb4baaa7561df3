"""A definitions answer, decoded: all flags of a project as functions of the person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from asyncsdk.flags.calls import NO_GROUPS, NOTHING, Call, Groups, Properties
from asyncsdk.flags.decoding import Decoded, decoding
from asyncsdk.flags.flag import Flag
from asyncsdk.flags.outcomes import MISSING, UNSUPPORTED, Evaluation

#: What values of the caller can make Python raise; nothing can be said of such a person here.
_UNUSABLE = (UnicodeError, RecursionError, ValueError, TypeError, ArithmeticError)


class Definitions:
    """The flags of one definitions answer; immutable, so an evaluation keeps the set it began with.

    Attributes:
        flags: All flags by key.
        minimal_flag_called_events: The server asks for events with few properties.
    """

    __slots__ = ("_book", "flags", "minimal_flag_called_events")

    def __init__(self, decoded: Decoded) -> None:
        self._book = decoded.book
        self.flags: Mapping[str, Flag] = decoded.book.flags
        self.minimal_flag_called_events: bool = decoded.minimal_flag_called_events

    @classmethod
    def decode(cls, data: bytes) -> Definitions:
        """Decode an answer of the server at once.

        Raises:
            InvalidResponseError: It is no definitions answer.
        """
        pieces = cls.decoding(data)
        for _ in pieces:
            pass
        return pieces.result

    @classmethod
    def decoding(cls, data: bytes) -> Decoding:
        """Decode in pieces of less than a millisecond: let the loop run between them.

        Raises:
            InvalidResponseError: From one of the pieces: it is no definitions answer.
        """
        return Decoding(data)

    def discarding(self) -> Iterator[None]:
        """Free the flags in pieces of less than a millisecond, once they were replaced.

        For their only owner, who asks for none of them anymore: megabytes freed at once are felt.
        """
        flags = self._book.flags
        for at, key in enumerate(tuple(flags)):
            del flags[key]
            if at % 50 == 49:
                yield

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all flags, in the server's order."""
        return tuple(self.flags)

    def each(
        self,
        distinct_id: str,
        *,
        keys: Iterable[str] | None = None,
        groups: Groups | None = None,
        person_properties: Properties | None = None,
        group_properties: Mapping[str, Properties] | None = None,
        device_id: str | None = None,
        now: datetime | None = None,
    ) -> Iterator[tuple[str, Evaluation]]:
        """Evaluate flag by flag, as asked for: all of them, or those of *keys* that are known.

        What is found out about flags that others depend on is found out once.
        """
        properties = person_properties or NOTHING
        flags = self.flags
        wanted = [flags[key] for key in (flags if keys is None else keys) if key in flags]
        try:
            subject = str(distinct_id).encode()
        except UnicodeError:  # nobody's id: it cannot be sent either
            yield from ((flag.key, MISSING) for flag in wanted)
            return
        call = Call(subject, device_id, groups or NOTHING, group_properties or NO_GROUPS, now)
        for flag in wanted:
            direct = flag.direct
            try:
                if direct is not None:
                    found = direct(subject, properties, None)
                else:
                    found = flag.evaluate(
                        properties, call.again() if flag.is_shareable else call.of(subject)
                    )
            except _UNUSABLE:
                found = MISSING
            yield flag.key, found

    def all(
        self,
        distinct_id: str,
        *,
        keys: Iterable[str] | None = None,
        groups: Groups | None = None,
        person_properties: Properties | None = None,
        group_properties: Mapping[str, Properties] | None = None,
        device_id: str | None = None,
        now: datetime | None = None,
    ) -> dict[str, Evaluation]:
        """Evaluate all flags, or those of *keys* that are known; see `each`."""
        return dict(
            self.each(
                distinct_id,
                keys=keys,
                groups=groups,
                person_properties=person_properties,
                group_properties=group_properties,
                device_id=device_id,
                now=now,
            )
        )


class Decoding:
    """Steps that end in `result`; each takes less than a millisecond.

    Attributes:
        result: The definitions, once all steps are made.
    """

    result: Definitions

    def __init__(self, data: bytes) -> None:
        self._steps = decoding(data)

    def __iter__(self) -> Decoding:
        return self

    def __next__(self) -> None:
        try:
            next(self._steps)
        except StopIteration as end:
            if end.value is not None:
                self.result = Definitions(end.value)
            raise


def evaluate(
    definitions: Definitions,
    key: str,
    distinct_id: str,
    *,
    groups: Groups | None = None,
    person_properties: Properties | None = None,
    group_properties: Mapping[str, Properties] | None = None,
    device_id: str | None = None,
    now: datetime | None = None,
) -> Evaluation:
    """Say what the flag *key* is for a person, or why only the server can say it.

    Never raises because of what definitions or properties hold.

    Args:
        definitions: The flags.
        key: Of the flag; an unknown one is inconclusive.
        distinct_id: The person.
        groups: Group keys by group type.
        person_properties: What is known of the person; a property that is not here is unknown.
        group_properties: What is known of each group, by group type.
        device_id: For flags that go by device.
        now: The moment for dates relative to it; None reads the clock if a filter needs it.
    """
    flag = definitions.flags.get(key)
    if flag is None:
        return UNSUPPORTED
    try:
        subject = (distinct_id if type(distinct_id) is str else str(distinct_id)).encode()
        direct = flag.direct
        if direct is not None:
            return direct(subject, person_properties or NOTHING, None)
        call = Call(subject, device_id, groups or NOTHING, group_properties or NO_GROUPS, now)
        return flag.evaluate(person_properties or NOTHING, call)
    except _UNUSABLE:
        return MISSING
