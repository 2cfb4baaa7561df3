"""Making: what the compiler is told, what it notes, and the functions that a mapping names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct, field

from asyncsdk.errors import ConfigurationError
from asyncsdk.mapping.conditions import Test, condition
from asyncsdk.mapping.consenting import consent_of
from asyncsdk.mapping.paths import Reader, checked_reader, reader, scope_reader
from asyncsdk.mapping.properties import NO_VALUE
from asyncsdk.mapping.tracing import Context, Trace

#: A function of the application's: the value and the `Context` in, a value or a bool out.
Function: TypeAlias = Callable[[Any, Context], Any]
#: The original's behaviour where ours differs on purpose; see docs/mapping.md.
Compat: TypeAlias = Literal["walkeros"] | None

#: Values inside values.
MAX_NESTING = 50
#: Objects, lists and what is in them, of a whole configuration.
MAX_PARTS = 500_000
_MAX_COPIED = 200

_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list | tuple),
    "object": lambda value: isinstance(value, Mapping),
}


class Marks(Struct):
    """What must be known of something compiled.

    Attributes:
        holes: Whether lists that it yields may have holes.
        reads_name: Whether it may look at the name that a rule gives the event.
    """

    holes: bool = False
    reads_name: bool = False


class Noted(Struct):
    """What the compiler came across.

    Attributes:
        warnings: What works, but not as its author may think.
        paths: Every path that is read, by the place where it stands.
        found: The places of those that led to something; filled while events are mapped.
        marks: What is being compiled.
        foreign: Whether a static value may be no plain JSON.
        asks_consent: Whether anything asks for consent, or is a function, which may.
    """

    warnings: list[str] = []
    paths: dict[str, str] = {}
    found: set[str] = set()
    marks: Marks = field(default_factory=Marks)
    foreign: bool = False
    asks_consent: bool = False

    def begin(self) -> Marks:
        """Begin with something that has marks of its own; return those of what is around it."""
        outside, self.marks = self.marks, Marks()
        return outside

    def end(self, outside: Marks) -> Marks:
        """Go on with what is around it; return the marks of what was begun."""
        inside, self.marks = self.marks, outside
        return inside


class Maker:
    """Make the parts of a mapping that are written as text or as functions.

    Args:
        functions: What texts in `fn`, `condition` and `validate` name.
        compat: Whether unknown keys are let pass, as the original does it.
        watching: Whether to note which paths are found; it costs time.
    """

    def __init__(
        self,
        functions: Mapping[str, Function] | None = None,
        *,
        compat: Compat = None,
        watching: bool = False,
    ) -> None:
        self._functions: Mapping[str, Function] = functions or {}
        self.compat: Compat = compat
        self.watching: bool = watching
        self.noted: Noted = Noted()

    def warn(self, text: str) -> None:
        """Note something that its author should hear of."""
        self.noted.warnings.append(text)

    def check_keys(self, raw: Mapping[str, Any], known: frozenset[str], place: str) -> None:
        """Refuse keys that are not *known*; the original lets them pass, and says nothing.

        Raises:
            ConfigurationError: Naming the place and the key.
        """
        for key in raw:
            if key not in known:
                self._unknown(key, place)

    def _unknown(self, key: object, place: str) -> None:
        text = f'{place}: unknown key "{key}"'
        if self.compat is None:
            raise ConfigurationError(text)
        self.warn(text)

    def checked_reader(self, path: str, place: str, *, scope: bool = False) -> Reader | None:
        """Compile *path*, which stands at *place*, with the check of what is found, if it can be."""
        if "*" in path or self.watching:
            return None
        self._note(path, place)
        return scope_reader(path) if scope else checked_reader(path)

    def _note(self, path: str, place: str) -> None:
        self.noted.paths[place] = path
        self.noted.marks.holes |= "*" in path
        self.noted.marks.reads_name |= path.partition(".")[0] in ("name", "")

    def reader(self, path: str, place: str, default: Any = NO_VALUE) -> Reader:
        """Compile *path*, which stands at *place*."""
        self._note(path, place)
        if not self.watching:
            return reader(path, default)
        read, found = reader(path), self.noted.found

        def watch(value: Any, trace: Trace) -> Any:
            there = read(value, trace)
            if there is NO_VALUE:
                return default
            if not isinstance(there, list) or any(one is not NO_VALUE for one in there):
                found.add(place)
            return there

        return watch

    def condition(self, raw: Any, place: str, owner: Any) -> Test:
        """Compile a condition: declarative, a function, or the name of one.

        Raises:
            ConfigurationError: It is none of these.
        """
        if isinstance(raw, Mapping):
            self.noted.marks.reads_name = True
            return _careful(condition(raw, place), place)
        return self._test(self.function(raw, place), owner, place)

    def validate(self, raw: Any, place: str, owner: Any) -> Test:
        """Compile a check of a result: a function, the name of one, or of a type.

        Raises:
            ConfigurationError: It is none of these.
        """
        if isinstance(raw, str) and raw not in self._functions and raw in _CHECKS:
            check = _CHECKS[raw]
            return lambda value, _trace: check(value)
        return self._test(self.function(raw, place), owner, place)

    def function(self, raw: Any, place: str) -> Function:
        """Return the function that *raw* is or names.

        Raises:
            ConfigurationError: There is none, or it would have to be awaited.
        """
        found = self._functions.get(raw) if isinstance(raw, str) else raw
        if found is None and isinstance(raw, str):
            known = ", ".join(sorted(self._functions)) or "none"
            raise ConfigurationError(
                f'{place}: no function is registered as "{raw}"; there are: {known}. '
                "Text is never run as code: give functions={…}"
            )
        if not callable(found):
            raise ConfigurationError(f"{place}: a function, or the name of one, is needed")
        if inspect.iscoroutinefunction(found) or inspect.iscoroutinefunction(type(found).__call__):
            raise ConfigurationError(
                f"{place}: mapping never waits, so it cannot await; give a plain function"
            )
        marks = self.noted.marks
        marks.holes = marks.reads_name = self.noted.asks_consent = True  # it may do anything
        return _unawaited(found)

    def _test(self, function: Function, owner: Any, place: str) -> Test:
        def test(value: Any, trace: Trace) -> bool:
            context = Context(trace.event, consent_of(trace.event, trace.consent), owner)
            return bool(function(value, context))

        return _careful(test, place)


def _unawaited(found: Callable[..., Any]) -> Function:
    def function(value: Any, context: Context) -> Any:
        result = found(value, context)
        if inspect.iscoroutine(result):  # it would count as true
            result.close()
            raise TypeError("mapping never waits: a plain result is needed")
        return result

    return function


def _careful(test: Test, place: str) -> Test:
    """Take a test that raises for one that does not hold, and note it."""

    def careful(value: Any, trace: Trace) -> bool:
        try:
            return test(value, trace)
        except Exception as error:  # noqa: BLE001 - an application's function may raise anything
            trace.fail(place, error)
            return False

    return careful


def copied(value: Any, place: str) -> Any:
    """Return *value* with objects and lists of its own; later changes of the caller do not show.

    Raises:
        ConfigurationError: A key is no text, it is too large, nested too deeply, or contains
            itself.
    """
    return _Copying().copy(value, place, _MAX_COPIED)


class _Copying:
    """Copy a configuration; YAML can say in a few lines what is endless when it is copied."""

    def __init__(self) -> None:
        self._left = MAX_PARTS  # this is all that changes

    def copy(self, value: Any, place: str, depth: int) -> Any:
        """Copy *value*, which stands at *place*, with *depth* more levels at most."""
        self._left -= 1
        if depth <= 0:
            raise ConfigurationError("mapping: it is nested too deeply, or contains itself")
        if self._left < 0:
            raise ConfigurationError(f"mapping: it has more than {MAX_PARTS:,} parts")
        if isinstance(value, Mapping):
            _check_texts(value, place)
            return {
                key: self.copy(one, inside(place, key), depth - 1) for key, one in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.copy(one, f"{place}[{at}]", depth - 1) for at, one in enumerate(value)]
        return value


def _check_texts(keys: Iterable[Any], place: str) -> None:
    for key in keys:
        if not isinstance(key, str):
            raise ConfigurationError(
                f"{place}: the key {key!r} is no text; YAML reads on, off, yes, no and numbers "
                "as something else, so quote it"
            )


def inside(place: str, key: str) -> str:
    """Return the place of *key* in what stands at *place*."""
    return f"{place}.{key}" if place else key
