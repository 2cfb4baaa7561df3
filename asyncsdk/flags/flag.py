"""One flag: compiled when it is first asked for, and then a function of the person.

How it is decided, in this order: inactive; experience continuity; whom it is for (a person, a
device, a group); enrollment; holdout; conditions.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeAlias
from weakref import ref

from msgspec import Struct

from asyncsdk.flags.calls import Call, Properties
from asyncsdk.flags.compiling import Compiled, compile_flag
from asyncsdk.flags.filters import Work
from asyncsdk.flags.outcomes import MISSING, UNSUPPORTED, Evaluation, Reason
from asyncsdk.flags.rulebook import Rulebook

#: Decides for a distinct id, as UTF-8, and person properties, in the context of a call.
Enter: TypeAlias = Callable[[bytes, Properties, Call], Evaluation]
#: The same where the id and the properties are all that is looked at.
Direct: TypeAlias = Callable[[bytes, Properties, None], Evaluation]


class Flag(Struct, eq=False, gc=False):
    """One flag of a definitions answer.

    There may be thousands, which live for as long as the definitions. No flag holds what holds it,
    so the garbage collector need not look at them: its look alone held up a loop for milliseconds.

    Attributes:
        key: Its name.
        active: Whether it is switched on at all.
        id: The server's number for it, as it came.
        version: Of its definition, as it came.
        has_experiment: Whether it is part of an experiment; None if the server does not say.
        direct: Decides for an id and person properties; None until it is compiled, and for
            flags that look at more than those two.
        enter: Decides in the context of a call; None until it is compiled.
        reads_id: Whether it may look at the person property `distinct_id`.
    """

    key: str
    active: bool
    id: object
    version: object
    has_experiment: bool | None
    _source: str | dict[str, object]
    # Weak, so that nothing goes in a circle: who drops definitions has their memory back.
    _book: ref[Rulebook]
    _compiled: Compiled | None = None
    direct: Direct | None = None
    enter: Enter | None = None
    reads_id: bool = True

    def __repr__(self) -> str:
        """Name it; a definition may be long."""
        return f"<Flag {self.key!r}>"

    @property
    def compiled(self) -> Compiled:
        """The flag, compiled now if it was not yet."""
        if self._compiled is None:
            for _ in self.compiling():
                pass
        assert self._compiled is not None  # noqa: S101
        return self._compiled

    def payload_of(self, value: bool | str) -> object:  # noqa: FBT001
        """Return the payload of *value*, which is the caller's to change; None without one."""
        return self.compiled.payloads.own(value)

    @property
    def unresolved(self) -> Reason | None:
        """Why this flag can never be decided here, whoever asks; None if it can."""
        return self.compiled.unresolved

    @property
    def weight(self) -> int:
        """Filters that an evaluation may look at."""
        return self.compiled.weight

    @property
    def is_shareable(self) -> bool:
        """Whether what it finds out of other flags holds for all flags of the same call."""
        compiled = self.compiled
        return not compiled.is_mixed and compiled.for_whom != "group"

    def compiling(self) -> Work[None]:
        """Compile in pieces."""
        source = self._source
        definition: dict[str, object] = json.loads(source) if isinstance(source, str) else source
        compiled = yield from compile_flag(self.key, definition, self._book() or Rulebook())
        self._source = ""
        self._compiled = compiled
        self.direct = compiled.decide if compiled.is_direct else None
        self.reads_id = compiled.reads_id
        self.enter = _ENTRANCES[compiled.for_whom](compiled)

    def as_dependency(self, properties: Properties, call: Call) -> Evaluation:
        """Decide for a flag that depends on this one, with that flag's id and *properties*."""
        compiled = self.compiled
        if compiled.for_whom == "device":
            return _for_devices(compiled)(call.subject, properties, call)
        return compiled.decide(call.subject, properties, call)

    def evaluate(self, properties: Properties, call: Call) -> Evaluation:
        """Decide for the person of *call*."""
        enter = self.enter or _ENTRANCES[self.compiled.for_whom](self.compiled)
        return enter(call.subject, properties, call)


def read_flag(
    key: str, definition: dict[str, object], source: str | dict[str, object], book: Rulebook
) -> Flag:
    """Return the flag *key*, to be compiled from *source*, which says what *definition* says."""
    experiment = definition.get("has_experiment")
    return Flag(
        key,
        active=bool(definition.get("active")),
        id=definition.get("id"),
        version=definition.get("version"),
        has_experiment=experiment if isinstance(experiment, bool) else None,
        _source=source,
        _book=ref(book),
    )


def _for_persons(compiled: Compiled) -> Enter:
    return compiled.decide


def _for_devices(compiled: Compiled) -> Enter:
    decide = compiled.decide
    without = MISSING if compiled.unresolved is None else UNSUPPORTED

    def enter(_: bytes, properties: Properties, call: Call) -> Evaluation:
        device = call.device_id
        return decide(str(device).encode(), properties, call) if device else without

    return enter


def _for_groups(compiled: Compiled) -> Enter:
    decide, name, off = compiled.decide, compiled.group_name, compiled.off

    def enter(_: bytes, __: Properties, call: Call) -> Evaluation:
        if name is None:
            return UNSUPPORTED
        if name not in call.groups:
            return off
        properties = call.group_properties.get(name)
        if properties is None:
            return MISSING
        subject = str(call.groups[name]).encode()
        return decide(subject, properties, call.of(subject))

    return enter


_ENTRANCES: dict[str, Callable[[Compiled], Enter]] = {
    "person": _for_persons,
    "device": _for_devices,
    "group": _for_groups,
}
