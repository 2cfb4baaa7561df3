"""Redacting: values at paths, or what in them matches, are removed or replaced."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Raw

from asyncsdk.errors import ConfigurationError
from asyncsdk.messages import Message
from asyncsdk.privacy.paths import CONTENTS, Paths, Steps
from asyncsdk.wire.ids import number_text
from asyncsdk.wire.values import MAX_DEPTH, clean, key_text

#: What stands in the place of a value unless something else is asked for.
MASK = "[redacted]"

#: An e-mail address, in letters of any script, also as it stands in a URL's query. Every step is taken
#: once or a bounded number of times, so that no text takes long to search. (The group is not possessive:
#: Python before 3.11.5 goes on at a wrong place after one that is.)
EMAIL: re.Pattern[str] = re.compile(
    r"(?<![\w.+-])[\w.+-]++(?:%(?!40)[\w.+-]*+){0,8}"
    r"(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
)

Replace = Callable[[str], str]

_GONE = object()


def redact(
    *paths: str, matching: str | re.Pattern[str] | None = None, instead: str | Replace = MASK
) -> Redaction:
    """Return a hook that replaces the values at *paths*.

    A path covers everything under it. Globs mean what an event holds, never the ids: these must be
    named, and cannot all be given the same text, which would make one person of all.

    Args:
        paths: Such as ``context.ip``, ``traits.*.phone``, ``**.password``, ``user_id``.
        matching: Replace only what this regular expression finds, in texts, numbers and keys.
        instead: A text, or a function of the text that was there, such as `Hashed`.

    Raises:
        ConfigurationError: A path leads nowhere, the expression is none, or an id would be masked.
    """
    return Redaction(paths, matching, instead)


def remove(*paths: str, matching: str | re.Pattern[str] | None = None) -> Redaction:
    """Return a hook that takes the values at *paths* out of the event.

    Args:
        paths: As for `redact`.
        matching: Take out only values, or keys with theirs, in which this finds something.

    Raises:
        ConfigurationError: A path leads nowhere, or the expression is none.
    """
    return Redaction(paths, matching, None)


class Redaction:
    """A hook for `before_send`, as `redact` and `remove` make it."""

    def __init__(
        self,
        paths: tuple[str, ...],
        matching: str | re.Pattern[str] | None,
        instead: str | Replace | None,
    ) -> None:
        self._paths = Paths(paths)
        if self._paths.ids and isinstance(instead, str):
            raise ConfigurationError(
                f"{min(self._paths.ids)}: the same text for everybody would make one person of "
                'all; hash it (instead=Hashed("…")), or remove() it'
            )
        self._swap = _swap(_expression(matching), instead)
        self._hits_keys = matching is not None
        self._facts = (paths, matching, instead)

    def __call__(self, message: Message) -> Message:
        """Redact *message*, which is the hook's own."""
        for field in CONTENTS:
            steps = self._paths.into(self._paths.start, field)
            if steps:
                self._redact(message, field, self._visit, steps)
        for field in self._paths.ids:
            self._redact(message, field, self._cover, frozenset())
        return message

    def _redact(
        self,
        message: Message,
        field: str,
        walk: Callable[[Any, Steps, tuple[int, ...]], Any],
        steps: Steps,
    ) -> None:
        value = getattr(message, field)
        if value is None:
            return
        changed = walk(value, steps, ())
        if isinstance(value, Mapping) and isinstance(changed, str):
            changed = dict.fromkeys(value, changed)  # the field itself stays an object
        if field == "integrations" and isinstance(value, Mapping):
            # Where an event may go is not what it holds: a mask in the place of a no is a yes.
            answers = {name: one for name, one in value.items() if isinstance(one, bool)}
            changed = {**(changed if changed is not _GONE else {}), **answers}
        setattr(message, field, None if changed is _GONE else changed)

    def _visit(self, value: Any, steps: Steps, above: tuple[int, ...]) -> Any:
        """Return *value*, at which the paths lead as far as *steps*, redacted."""
        if self._paths.arrived(steps):
            return self._cover(value, steps, above)
        return self._inside(value, steps, above, self._visit)

    def _cover(self, value: Any, steps: Steps, above: tuple[int, ...]) -> Any:
        """Return *value*, which a path covers, redacted."""
        if not self._hits_keys and not callable(self._facts[2]):
            return self._swap("")
        return self._inside(value, steps, above, self._cover)

    def _inside(
        self,
        value: Any,
        steps: Steps,
        above: tuple[int, ...],
        walk: Callable[[Any, Steps, tuple[int, ...]], Any],
    ) -> Any:
        covered = walk == self._cover
        if isinstance(value, Mapping | list | tuple):
            if id(value) in above or len(above) > MAX_DEPTH:
                return "[circular]" if id(value) in above else "[nested too deep]"
            above = (*above, id(value))
        if isinstance(value, Mapping):
            return self._object(value, steps, above, covered=covered)
        if isinstance(value, list | tuple):
            items = [walk(item, steps, above) for item in value]
            return [item for item in items if item is not _GONE]
        if isinstance(value, bool | None) or type(value) in (str, int, float) or _is_number(value):
            return self._leaf(value) if covered else value
        # An object of the application's: looked at as the plain values that it would be sent as.
        plain, _ = clean(value, "")
        changed = walk(plain, steps, above)
        return value if changed == plain else changed

    def _object(
        self, value: Mapping[Any, Any], steps: Steps, above: tuple[int, ...], *, covered: bool
    ) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key, item in value.items():
            name = key_text(key)  # as it will be sent
            new_key = self._leaf(name) if covered and self._hits_keys else key
            new = (
                self._cover(item, steps, above)
                if covered
                else self._visit(item, self._paths.into(steps, name), above)
            )
            if new_key is not _GONE and new is not _GONE:
                found[new_key] = new
        return found

    def _leaf(self, value: Any) -> Any:
        """Return a text, a number or a truth value redacted; what was not changed stays as it is.

        No pattern is looked for in a truth value: it is not what anybody would call a text.
        """
        if value is None or (isinstance(value, bool) and self._hits_keys):
            return value
        text = _text(value)
        changed = self._swap(text)
        return value if changed == text else changed

    def __eq__(self, other: object) -> bool:
        """Compare what was asked for."""
        return isinstance(other, Redaction) and other._facts == self._facts

    def __hash__(self) -> int:
        """Hash what was asked for."""
        return hash(self._facts)

    def __repr__(self) -> str:
        """Show what was asked for."""
        paths, matching, instead = self._facts
        return f"Redaction({', '.join(paths)}, matching={matching!r}, instead={instead!r})"


def _is_number(value: object) -> bool:
    """Say whether *value* is JSON of a number, whose digits would not all survive being read."""
    return isinstance(value, Raw) and bytes(value).strip().removeprefix(b"-")[:1].isdigit()


def _text(value: Any) -> str:
    if isinstance(value, Raw):
        return bytes(value).decode(errors="replace")
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value) if isinstance(value, int | float) else str(value)


def _expression(matching: object) -> re.Pattern[str] | None:
    if matching is None or (isinstance(matching, re.Pattern) and isinstance(matching.pattern, str)):
        return matching
    if not isinstance(matching, str):
        raise ConfigurationError("matching: a regular expression for texts is needed")
    try:
        return re.compile(matching)
    except re.error as error:
        raise ConfigurationError(f"matching={matching!r}: {error}") from None


def _swap(pattern: re.Pattern[str] | None, instead: str | Replace | None) -> Callable[[str], Any]:
    """Return what makes a text's replacement, or `_GONE`, of it."""
    if instead is None:
        return lambda text: _GONE if pattern is None or pattern.search(text) else text
    put = instead if callable(instead) else lambda _text: instead
    if pattern is None:
        return put
    return lambda text: pattern.sub(lambda found: put(found[0]), text)
