"""Values: a mapping value becomes a function once; mapping an event only calls it.

A value is a path, an object of the keys below, or a list of these, of which one counts. In a list
the first that yields anything counts; in a list inside that list, or inside ``set``, the first that
JavaScript takes for true, and if none is, what the last one says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from msgspec import structs

from asyncsdk.errors import ConfigurationError
from asyncsdk.mapping.conditions import Test
from asyncsdk.mapping.consenting import consent_of, is_granted
from asyncsdk.mapping.making import MAX_NESTING, Maker
from asyncsdk.mapping.mapped import Run, Value, mapped
from asyncsdk.mapping.properties import NO_VALUE, SAFE, is_property, is_true
from asyncsdk.mapping.tracing import Context, Trace

KEYS = frozenset({"condition", "consent", "fn", "key", "loop", "map", "set", "validate", "value"})


def value_of(raw: Any, place: str, maker: Maker, depth: int = MAX_NESTING) -> Value:
    """Compile the mapping value *raw*.

    Raises:
        ConfigurationError: It is none; the place says where.
    """
    if depth <= 0:
        raise ConfigurationError(f"{place}: values are nested more than {MAX_NESTING} deep")
    if isinstance(raw, list | tuple):
        return _first_defined(
            [_item(one, f"{place}[{at}]", maker, depth) for at, one in enumerate(raw)]
        )
    return _single(raw, place, maker, depth)


def _item(raw: Any, place: str, maker: Maker, depth: int) -> Value:
    """Compile an element of a list of alternatives, or of ``set``."""
    if not isinstance(raw, list | tuple):
        return _single(raw, place, maker, depth)
    return _first_true([_inmost(one, f"{place}[{at}]", maker, depth) for at, one in enumerate(raw)])


def _inmost(raw: Any, place: str, maker: Maker, depth: int) -> Value:
    if not isinstance(raw, list | tuple):
        return _single(raw, place, maker, depth)
    if maker.compat is None:
        raise ConfigurationError(f"{place}: a list cannot stand in a list within a list")
    return Value(_checked(_whole)) if raw else Value(nothing)  # what the original does with it


def _first_defined(values: Sequence[Value]) -> Value:
    if len(values) == 1:
        return values[0]
    runs = [one.run for one in values]

    def run(value: Any, trace: Trace) -> Any:
        for one in runs:
            found = one(value, trace)
            if found is not NO_VALUE:
                return found
        return NO_VALUE

    return _like(run, values)


def _first_true(values: Sequence[Value]) -> Value:
    runs = [one.run for one in values]

    def run(value: Any, trace: Trace) -> Any:
        found: Any = NO_VALUE
        for one in runs:
            found = one(value, trace)
            if is_true(found):
                return found
        return found

    return _like(run, values)


def _like(run: Run, parts: Sequence[Value]) -> Value:
    checked, asks = all(part.checked for part in parts), any(part.asks for part in parts)
    return Value(run, checked, asks, max(sum(part.looks for part in parts), 1))


def _single(raw: Any, place: str, maker: Maker, depth: int) -> Value:
    if isinstance(raw, str):
        raw = {"key": raw}
    elif not isinstance(raw, Mapping):
        raise ConfigurationError(
            f"{place}: a path, an object or a list is needed, this is {type(raw).__name__}"
        )
    elif not raw:
        return Value(nothing)
    maker.check_keys(raw, KEYS, place)
    core = _core(raw, place, maker, depth)
    core = _with_validate(core, raw, place, maker)
    core = _with_static(core, raw)
    core = _with_consent(core, raw, place, maker)
    return _with_condition(core, raw, place, maker)


def _core(raw: Mapping[str, Any], place: str, maker: Maker, depth: int) -> Value:
    """Compile what yields the result: the last of value, fn and key, and loop, map or set over it."""
    base = _base(raw, place, maker)
    for word, build in (("loop", _loop), ("map", _map), ("set", _set)):
        if raw.get(word) is not None:
            return build(raw[word], base, f"{place}.{word}", maker, depth - 1)
    return base if raw.keys() <= {"key", "value"} else structs.replace(base, path=None)


def _base(raw: Mapping[str, Any], place: str, maker: Maker) -> Value:
    static: Any = raw.get("value", NO_VALUE)
    if static is NO_VALUE and not (raw.get("map") or raw.get("set") or raw.get("key")):
        maker.noted.marks.reads_name = True  # it may be the whole event
    run = _whole if static is NO_VALUE else _constant(static)
    base = Value(run, checked=static is not NO_VALUE and is_property(static, maker.noted))
    if raw.get("fn") is not None:
        base = Value(_calling(raw, f"{place}.fn", maker), checked=False, asks=True)
    key = raw.get("key")
    if key is not None and not isinstance(key, str):
        raise ConfigurationError(f"{place}.key: a path is needed, this is {type(key).__name__}")
    if key:
        quick = None
        if raw.get("fn") is None and raw.get("validate") is None:
            quick = maker.checked_reader(key, f"{place}.key" if len(raw) > 1 else place)
        if quick is not None:
            return Value(quick, path=key)
        read = maker.reader(key, f"{place}.key" if len(raw) > 1 else place, static)
        if raw.get("fn") is None:
            return Value(read, checked=False)
        base = Value(_after(base.run, read), checked=False, asks=True)
    return base


def _after(first: Run, then: Run) -> Run:
    def run(value: Any, trace: Trace) -> Any:
        first(value, trace)
        return then(value, trace)

    return run


def _calling(raw: Mapping[str, Any], place: str, maker: Maker) -> Run:
    function = maker.function(raw["fn"], place)

    def run(value: Any, trace: Trace) -> Any:
        try:
            context = Context(trace.event, consent_of(value, trace.consent), raw)
            return function(value, context)
        except Exception as error:  # noqa: BLE001 - an application's function may raise anything
            trace.fail(place, error)
            return NO_VALUE

    return run


def _loop(raw: Any, base: Value, place: str, maker: Maker, depth: int) -> Value:
    """Compile ``[scope, item]``; where the scope is no list, what `base` yields remains."""
    pair = raw if isinstance(raw, list | tuple) else []
    if len(pair) != 2 and (maker.compat is None or pair is not raw):
        raise ConfigurationError(f"{place}: a list of two is needed, the scope and the item")
    pair = [*pair, {}, {}][:2]
    item = value_of(pair[1], f"{place}[1]", maker, depth)
    scope = None if pair[0] == "this" else _scope(pair[0], f"{place}[0]", maker, depth)
    each = _each_with_consent(item.run) if item.asks else _each(item.run)
    if scope is None:
        this: Run = lambda value, trace: each([value], value, trace)  # noqa: E731
        return Value(this, item.checked, item.asks, item.looks)
    inside, otherwise = scope.run, base.run if base.checked else _checked(base.run)

    looks = item.looks

    def run(value: Any, trace: Trace) -> Any:
        elements = inside(value, trace)
        if isinstance(elements, list | tuple):
            trace.spend(len(elements) * looks)
            return each(elements, value, trace)
        return otherwise(value, trace)

    asks = item.asks or scope.asks or base.asks
    return Value(run, item.checked, asks)


def _scope(raw: Any, place: str, maker: Maker, depth: int) -> Value:
    quick = maker.checked_reader(raw, place, scope=True) if isinstance(raw, str) and raw else None
    return value_of(raw, place, maker, depth) if quick is None else Value(quick)


_Each: TypeAlias = Callable[[Sequence[Any], Any, Trace], list[Any]]


def _each(item: Run) -> _Each:
    def each(elements: Sequence[Any], _value: Any, trace: Trace) -> list[Any]:
        found = [item(element, trace) for element in elements if element is not NO_VALUE]
        return [one for one in found if one is not NO_VALUE]

    return each


def _each_with_consent(item: Run) -> _Each:
    """Go over elements that may ask for consent: where one has none, what counts outside counts."""
    plain = _each(item)

    def each(elements: Sequence[Any], value: Any, trace: Trace) -> list[Any]:
        outside = trace.consent
        trace.consent = consent_of(value, outside)
        try:
            return plain(elements, value, trace)
        finally:
            trace.consent = outside

    return each


def _map(raw: Any, _base: Value, place: str, maker: Maker, depth: int) -> Value:
    if not isinstance(raw, Mapping):
        raise ConfigurationError(f"{place}: an object is needed, this is {type(raw).__name__}")
    parts = {name: value_of(one, f"{place}.{name}", maker, depth) for name, one in raw.items()}
    return _like(mapped(parts), list(parts.values()))


def _set(raw: Any, _base: Value, place: str, maker: Maker, depth: int) -> Value:
    if not isinstance(raw, list | tuple):
        raise ConfigurationError(f"{place}: a list is needed, this is {type(raw).__name__}")
    if depth <= 0:
        raise ConfigurationError(f"{place}: values are nested more than {MAX_NESTING} deep")
    maker.noted.marks.holes = True
    parts = [_item(one, f"{place}[{at}]", maker, depth) for at, one in enumerate(raw)]
    runs = [part.run for part in parts]
    return _like(lambda value, trace: [one(value, trace) for one in runs], parts)


def _with_validate(value: Value, raw: Mapping[str, Any], place: str, maker: Maker) -> Value:
    if raw.get("validate") is None:
        return value
    inside, test = value.run, maker.validate(raw["validate"], f"{place}.validate", raw)

    def run(given: Any, trace: Trace) -> Any:
        found = inside(given, trace)
        return found if test(found, trace) else NO_VALUE

    return structs.replace(value, run=run, asks=True)


def _with_static(value: Value, raw: Mapping[str, Any]) -> Value:
    """Let only legal results pass; where there is none, the static value stands in."""
    run = value.run if value.checked else _checked(value.run)
    static: Any = raw.get("value", NO_VALUE)
    if static is NO_VALUE or not is_property(static):
        return structs.replace(value, run=run, checked=True)
    if value.checked and not raw.keys() & {"validate", "fn", "key", "loop", "map", "set"}:
        return structs.replace(value, run=run, checked=True)

    def run_or_static(given: Any, trace: Trace) -> Any:
        found = run(given, trace)
        return static if found is NO_VALUE else found

    return structs.replace(value, run=run_or_static, checked=True, static=static)


def _checked(inside: Run) -> Run:
    def run(value: Any, trace: Trace) -> Any:
        found = inside(value, trace)
        return found if type(found) in SAFE or is_property(found, trace) else NO_VALUE

    return run


def _with_consent(value: Value, raw: Mapping[str, Any], place: str, maker: Maker) -> Value:
    if raw.get("consent") is None:
        return value
    required = requirement(raw["consent"], f"{place}.consent", maker)
    static: Any = raw.get("value", NO_VALUE)
    inside = value.run

    def run(given: Any, trace: Trace) -> Any:
        if is_granted(required, consent_of(given, trace.consent)):
            return inside(given, trace)
        return static  # as it is, even null: that is the original's way

    checked = static is NO_VALUE or is_property(static)
    return structs.replace(value, run=run, checked=checked, asks=True)


def requirement(raw: Any, place: str, maker: Maker) -> Mapping[str, bool]:
    """Return the consent that is asked for; none where nothing is said.

    Raises:
        ConfigurationError: It is no object of purposes; naming the place.
    """
    if raw is None:
        return {}
    if not isinstance(raw, Mapping) or not all(isinstance(one, bool) for one in raw.values()):
        raise ConfigurationError(f"{place}: an object of purposes and true or false is needed")
    maker.noted.asks_consent = True
    return raw


def _with_condition(value: Value, raw: Mapping[str, Any], place: str, maker: Maker) -> Value:
    if raw.get("condition") is None:
        return value
    inside = value.run
    test: Test = maker.condition(raw["condition"], f"{place}.condition", raw)

    def run(given: Any, trace: Trace) -> Any:
        return inside(given, trace) if test(given, trace) else NO_VALUE

    return structs.replace(value, run=run, asks=True)


def nothing(_value: Any, _trace: Trace) -> Any:
    """Yield no value."""
    return NO_VALUE


def _whole(value: Any, _trace: Trace) -> Any:
    return value


def _constant(static: Any) -> Run:
    return lambda _value, _trace: static
