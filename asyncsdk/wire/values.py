"""Values: the slow path of encoding, where every leaf arrives or is named.

`clean` walks a value once and returns plain JSON values in its place, with a list of the leaves
that JSON could not carry and that go as text. It never raises, whatever objects do when touched.
"""

from __future__ import annotations

import base64
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from os import PathLike, fsdecode
from typing import Any
from uuid import UUID

import msgspec

from asyncsdk.wire.times import format_time

#: Texts that stand for an unknown object are cut here.
MAX_TEXT = 256
#: Deeper nesting than this goes as text: msgspec would refuse it, and so would many servers.
MAX_DEPTH = 100

_WRITABLE_BITS = 14_000


class Coerced(msgspec.Struct, frozen=True):
    """Name one leaf that went as text.

    Attributes:
        path: Where it stood, such as ``properties.items[2].price``.
        type: The name of its type.
    """

    path: str
    type: str

    @property
    def place(self) -> str:
        """The path as it may be shown: cut, and without control characters."""
        return "".join(letter for letter in self.path[:100] if letter.isprintable())


def clean(value: Any, path: str) -> tuple[Any, list[Coerced]]:
    """Return *value* as plain JSON values, and what of it had to go as text.

    Args:
        value: Anything.
        path: How *value* is called in the names of its leaves.
    """
    walk = _Walk()
    return walk.value(value, path), walk.coerced


class _Walk:
    """One walk over one value; three frames of the stack for each level."""

    def __init__(self) -> None:
        self.coerced: list[Coerced] = []
        self._open: set[int] = set()

    def value(self, value: Any, path: str) -> Any:
        rule = _EXACT.get(type(value))
        try:
            if rule is not None:
                return rule(self, value, path)
            return self._by_nature(value, path)
        except Exception as error:  # noqa: BLE001 - a foreign object may raise anything
            return self.as_text(value, path, type(error).__name__)

    def _by_nature(self, value: Any, path: str) -> Any:
        for base, rule in _BY_BASE:
            if isinstance(value, base):
                return rule(self, value, path)
        for convert in (_fields, _pydantic, _numpy):
            plain = convert(value)
            if plain is not None:
                return self._guarded(value, plain, path)
        return self.as_text(value, path, type(value).__name__)

    def _guarded(self, owner: Any, plain: Any, path: str) -> Any:
        stop = self._enter(owner, path)
        if stop:
            return stop
        try:
            return self.value(plain, path)
        finally:
            self._open.discard(id(owner))

    def _enter(self, container: Any, path: str) -> str:
        """Open *container*, or return the text that stands for it instead."""
        if id(container) in self._open:
            self.coerced.append(Coerced(path, "circular"))
            return "[circular]"
        if len(self._open) >= MAX_DEPTH:
            self.coerced.append(Coerced(path, "nested too deep"))
            return "[nested too deep]"
        self._open.add(id(container))
        return ""

    def as_text(self, value: Any, path: str, type_name: str) -> str:
        self.coerced.append(Coerced(path, type_name))
        try:
            return well_formed(str(value))[:MAX_TEXT]
        except Exception:  # noqa: BLE001 - a foreign __str__ may raise anything
            return f"[{type(value).__name__}]"

    def mapping(self, value: Mapping[Any, Any], path: str) -> Any:
        stop = self._enter(value, path)
        if stop:
            return stop
        try:
            return {
                (name := key_text(key)): self.value(item, f"{path}.{name}")
                for key, item in value.items()
                if item is not msgspec.UNSET
            }
        finally:
            self._open.discard(id(value))

    def items(self, value: Iterable[Any], path: str) -> Any:
        stop = self._enter(value, path)
        if stop:
            return stop
        try:
            return [self.value(item, f"{path}[{at}]") for at, item in enumerate(value)]
        finally:
            self._open.discard(id(value))

    def unordered(self, value: Iterable[Any], path: str) -> Any:
        """Sort what can be sorted, so that a set looks the same in every process."""
        try:
            members = sorted(value)
        except TypeError:
            members = list(value)
        return self.items(members, path)

    def whole(self, value: int, path: str) -> Any:
        # Python itself refuses to write longer ints in decimal digits.
        if value.bit_length() > _WRITABLE_BITS:
            return self.as_text(hex(value), path, "int")
        return value

    def decimal(self, value: Decimal, _path: str) -> Any:
        return msgspec.Raw(str(value).encode()) if value.is_finite() else None

    def raw(self, value: msgspec.Raw, path: str) -> Any:
        try:
            return self.value(msgspec.json.decode(value), path)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self.as_text(bytes(value).decode(errors="replace"), path, "Raw")


def key_text(key: Any) -> str:
    """Write an object's key as JSON does: always text."""
    if isinstance(key, Enum):
        key = key.value
    if isinstance(key, str):
        return well_formed(str(key))
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    try:
        if isinstance(key, datetime):
            return format_time(key)
        if isinstance(key, bytes):
            return base64.b64encode(key).decode()
        return well_formed(str(key))[:MAX_TEXT]
    except Exception:  # noqa: BLE001 - a foreign __str__ may raise anything
        return f"[{type(key).__name__}]"


def own_copy(value: Any, copies: dict[int, Any] | None = None, depth: int = 0) -> Any:
    """Copy the containers of *value* all the way down; other leaves stay what they are.

    Args:
        value: Anything; it may contain itself.
        copies: What is copied already, by id.
        depth: How deep *value* stands; beyond `MAX_DEPTH` a text stands in its place.
    """
    copies = {} if copies is None else copies
    if id(value) in copies:
        return copies[id(value)]
    if depth > MAX_DEPTH:
        return "[nested too deep]"
    if isinstance(value, Mapping):
        mapping: dict[Any, Any] = {}
        copies[id(value)] = mapping
        mapping.update((key, own_copy(item, copies, depth + 1)) for key, item in value.items())
        return mapping
    if isinstance(value, list | deque):
        items: list[Any] = []
        copies[id(value)] = items
        items.extend(own_copy(item, copies, depth + 1) for item in value)
        return items
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(own_copy(item, copies, depth + 1) for item in value)
    return set(value) if isinstance(value, set) else value


def well_formed(text: str) -> str:
    """Replace lone surrogates, which no UTF-8 can carry, by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _text(_walk: _Walk, value: str, _path: str) -> str:
    return well_formed(value)


def _number(_walk: _Walk, value: float, _path: str) -> Any:
    return value if math.isfinite(value) else None


def _bytes(_walk: _Walk, value: bytes, _path: str) -> str:
    return base64.b64encode(bytes(value)).decode()


def _plain_text(_walk: _Walk, value: Any, _path: str) -> str:
    return well_formed(str(value))


def _pydantic(value: Any) -> Any:
    dump = getattr(type(value), "model_dump", None)
    return dump(value) if callable(dump) else None


def _numpy(value: Any) -> Any:
    to_list = getattr(type(value), "tolist", None)
    return to_list(value) if callable(to_list) and hasattr(value, "dtype") else None


def _fields(value: Any) -> Any:
    """Return the fields of a msgspec struct, a dataclass or an attrs object, else None.

    As on the fast path, the private fields of attrs (with an underscore in front) are left out.
    """
    kind = type(value)
    if isinstance(value, msgspec.Struct):
        return _struct(value)
    if hasattr(kind, "__dataclass_fields__"):
        import dataclasses

        names = [f.name for f in dataclasses.fields(kind)]
    elif hasattr(kind, "__attrs_attrs__"):
        names = [f.name for f in kind.__attrs_attrs__ if not f.name.startswith("_")]
    else:
        return None
    return {name: getattr(value, name) for name in names}


def _struct(value: msgspec.Struct) -> Any:
    """Return a struct's fields as msgspec would write them: renamed, tagged, or as a list."""
    config = value.__struct_config__
    named = {
        field.encode_name: getattr(value, field.name)
        for field in msgspec.structs.fields(value)
        if not (config.omit_defaults and _is_default(field, getattr(value, field.name)))
    }
    tag = {} if config.tag_field is None else {config.tag_field: config.tag}
    if config.array_like:
        return [*tag.values(), *named.values()]
    return {**tag, **named}


def _is_default(field: msgspec.structs.FieldInfo, value: Any) -> bool:
    """Say whether msgspec would leave *value* out: the very object, or what a factory made."""
    if field.default is not msgspec.NODEFAULT:
        return value is field.default
    factory = field.default_factory
    return factory in (list, dict, set) and type(value) is factory and not value


_Rule = Callable[[_Walk, Any, str], Any]

_EXACT: dict[type, _Rule] = {
    str: _text,
    bool: lambda _walk, value, _path: value,
    type(None): lambda _walk, value, _path: value,
    int: _Walk.whole,
    float: _number,
    dict: _Walk.mapping,
    list: _Walk.items,
    tuple: _Walk.items,
    set: _Walk.unordered,
    frozenset: _Walk.unordered,
    Decimal: _Walk.decimal,
    UUID: _plain_text,
    datetime: lambda _walk, value, _path: format_time(value),
    date: lambda _walk, value, _path: value.isoformat(),
    time: lambda _walk, value, _path: value.isoformat().replace("+00:00", "Z"),
    timedelta: lambda _walk, value, _path: value.total_seconds(),
    bytes: _bytes,
    bytearray: _bytes,
    memoryview: _bytes,
    msgspec.Raw: _Walk.raw,
    msgspec.UnsetType: lambda _walk, _value, _path: None,
}

# Subclasses, the more special first: a str that is an Enum is its value.
_BY_BASE: tuple[tuple[type, _Rule], ...] = (
    (Enum, lambda walk, value, path: walk.value(value.value, path)),
    (str, lambda _walk, value, _path: well_formed(str.__str__(value))),
    (int, lambda walk, value, path: walk.whole(int(value), path)),
    (float, lambda walk, value, path: walk.value(float(value), path)),
    (Decimal, _Walk.decimal),
    (datetime, lambda _walk, value, _path: format_time(value)),
    (date, lambda _walk, value, _path: value.isoformat()),
    (UUID, _plain_text),
    (PathLike, lambda _walk, value, _path: well_formed(fsdecode(value))),
    (bytes, _bytes),
    (Mapping, _Walk.mapping),
    (AbstractSet, _Walk.unordered),
    (Sequence, _Walk.items),
)
