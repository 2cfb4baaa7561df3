"""Rules: which one an event's name leads to, and what it says.

``rules[entity][action]`` is a rule or a list of rules, of which the first counts whose condition
holds. What is not there is looked up under ``*``: an entity first, then an action; if that gives
nothing, ``* *`` is tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from msgspec import Struct, structs

from asyncsdk.errors import ConfigurationError
from asyncsdk.mapping.conditions import Test
from asyncsdk.mapping.making import Maker
from asyncsdk.mapping.mapped import Run, Value
from asyncsdk.mapping.merging import merge
from asyncsdk.mapping.tracing import Trace
from asyncsdk.mapping.values import requirement, value_of

KEYS = frozenset(
    {
        "batch",
        "condition",
        "consent",
        "data",
        "extend",
        "ignore",
        "include",
        "name",
        "policy",
        "remove",
        "settings",
        "silent",
        "skip",
    }
)
_ASIDES = ("identify", "group", "page", "screen", "alias")  # in this order
_SECTIONS = frozenset({"data", "globals", "context", "user", "source", "event", "all"})


#: What is in a call besides the track; True for nothing but the call.
Aside: TypeAlias = Value | Literal[True]
#: Such calls: their kinds, and what is in them.
Asides: TypeAlias = Sequence[tuple[str, Aside]]


class Rule(Struct, frozen=True, kw_only=True):
    """A compiled rule.

    Attributes:
        place: Of it, such as ``rules.order.complete``.
        raw: As it was written, after `extend`.
        condition: Whether it is this one; None means yes.
        consent: What it asks for.
        name: What the event is called.
        data: What becomes the properties.
        include: Sections of the event that are put under the data; None leaves it to the config.
        remove: Paths that are cut out of the data.
        policy: What is set in the event first.
        ignore: Whether nothing comes of the event.
        silent: Whether there is no track.
        holes: Whether the data may have holes in its lists.
        reads_name: Whether it may look at the name that it gives the event.
        asides: The calls that it makes besides the track, in order: mapping values, or True.
    """

    place: str
    raw: Mapping[str, Any]
    condition: Test | None = None
    consent: Mapping[str, bool] = {}
    name: str | None = None
    data: Value | None = None
    include: tuple[str, ...] | None = None
    remove: tuple[str, ...] = ()
    policy: tuple[tuple[str, Run], ...] = ()
    ignore: bool = False
    silent: bool = False
    holes: bool = False
    reads_name: bool = False
    asides: Asides = ()


#: The rules of one key, and the key: ``page *``.
Found: TypeAlias = tuple[Rule, str]


def rule_of(raw: Any, place: str, maker: Maker, common: Mapping[str, Aside]) -> Rule:
    """Compile one rule.

    Args:
        raw: As it is written.
        place: Where it stands.
        maker: Compiles it.
        common: Calls besides the track that all rules make that do not say otherwise.

    Raises:
        ConfigurationError: It is none; the place says where.
    """
    if not isinstance(raw, Mapping):
        raise ConfigurationError(f"{place}: a rule is an object, this is {type(raw).__name__}")
    maker.check_keys(raw, KEYS, place)
    if "extend" in raw and maker.compat is None:
        if not isinstance(raw["extend"] or {}, Mapping):
            raise ConfigurationError(f"{place}.extend: an object is needed")
        raw = merge({}, raw)
    flags = _flags(raw, place, maker)
    outside = maker.noted.begin()
    condition, data, name = raw.get("condition"), raw.get("data"), raw.get("name")
    if name is not None and not isinstance(name, str):
        raise ConfigurationError(f"{place}.name: a text is needed, this is {type(name).__name__}")
    check_batch(raw.get("batch"), f"{place}.batch")
    rule = Rule(
        place=place,
        raw=raw,
        condition=condition and maker.condition(condition, f"{place}.condition", raw),
        consent=requirement(raw.get("consent"), f"{place}.consent", maker),
        name=name,
        data=None if data is None or data == "" else value_of(data, f"{place}.data", maker),
        include=sections(raw.get("include"), f"{place}.include", maker),
        remove=_texts(raw.get("remove"), f"{place}.remove"),
        policy=policy_of(raw.get("policy"), f"{place}.policy", maker),
        ignore=flags["ignore"],
        silent=flags["silent"],
        asides=_asides(raw.get("settings"), f"{place}.settings", maker, common),
    )
    marks = maker.noted.end(outside)
    return structs.replace(rule, holes=marks.holes, reads_name=marks.reads_name)


def _flags(raw: Mapping[str, Any], place: str, maker: Maker) -> dict[str, bool]:
    flags: dict[str, bool] = {}
    for word in ("ignore", "silent", "skip"):
        value = raw.get(word)
        if value is not None and not isinstance(value, bool):
            raise ConfigurationError(f"{place}.{word}: true or false is needed")
        flags[word] = bool(value)
    if "skip" in raw:
        if maker.compat is None:
            maker.warn(f'{place}.skip: is called "silent" now; it is taken for that')
            flags["silent"] = flags["silent"] or flags["skip"]
        else:
            maker.warn(f'{place}.skip: is called "silent" now, and has no effect')
    return flags


def _asides(raw: Any, place: str, maker: Maker, common: Mapping[str, Aside]) -> Asides:
    raw = {} if raw is None else raw
    if not isinstance(raw, Mapping):
        raise ConfigurationError(f"{place}: an object is needed, this is {type(raw).__name__}")
    maker.check_keys(raw, frozenset(_ASIDES), place)
    calls = dict(common)
    for kind, one in raw.items():
        if one is True and kind in ("page", "screen"):
            calls[kind] = True
        elif one is False:
            calls.pop(kind, None)
        elif one is not None and kind in _ASIDES:
            calls[kind] = value_of(one, f"{place}.{kind}", maker)
    return tuple((kind, calls[kind]) for kind in _ASIDES if kind in calls)


def policy_of(raw: Any, place: str, maker: Maker) -> tuple[tuple[str, Run], ...]:
    """Compile a policy: paths of the event, and what is set there.

    Raises:
        ConfigurationError: It is none; the place says where.
    """
    if raw is None:
        return ()
    if not isinstance(raw, Mapping):
        raise ConfigurationError(f"{place}: an object is needed, this is {type(raw).__name__}")
    maker.noted.marks.holes |= bool(raw)  # where a value is taken out of a list
    return tuple(
        (path, value_of(one, f'{place}["{path}"]', maker).run) for path, one in raw.items()
    )


def sections(raw: Any, place: str, maker: Maker) -> tuple[str, ...] | None:
    """Return the sections that `include` names.

    Raises:
        ConfigurationError: It is no list of texts.
    """
    if raw is None:
        return None
    names = _texts(raw, place)
    maker.noted.marks.reads_name |= bool({"event", "all"} & set(names))
    for name in names:
        if name not in _SECTIONS:
            maker.warn(f'{place}: there is no section "{name}"')
    return names


def _texts(raw: Any, place: str) -> tuple[str, ...]:
    if raw is None:
        return ()
    if not isinstance(raw, list | tuple) or not all(isinstance(one, str) for one in raw):
        raise ConfigurationError(f"{place}: a list of texts is needed")
    return tuple(raw)


def check_batch(raw: Any, place: str) -> None:
    """Refuse what is no batch setting; RudderStack's destination makes nothing of it.

    Raises:
        ConfigurationError: Naming the place.
    """
    parts = raw if isinstance(raw, Mapping) else {} if raw is None else {"wait": raw}
    for key, value in parts.items():
        if key not in ("wait", "size", "age"):
            raise ConfigurationError(f'{place}: unknown key "{key}"')
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise ConfigurationError(f"{place}: a number of 0 or more is needed, or such numbers")


class Rules:
    """All rules of a mapping, by name.

    Args:
        raw: ``{entity: {action: rule or list of rules}}``.
        place: Where it stands.
        maker: Compiles it.
        common: Calls besides the track that all rules make that do not say otherwise.

    Raises:
        ConfigurationError: Something in it is wrong; the place says where.
    """

    def __init__(self, raw: Any, place: str, maker: Maker, common: Mapping[str, Aside]) -> None:
        if raw is not None and not isinstance(raw, Mapping):
            raise ConfigurationError(f"{place}: an object is needed, this is {type(raw).__name__}")
        self.exist: bool = raw is not None
        self._table: dict[str, dict[str, tuple[Rule, ...]]] = {
            entity: _actions(actions, f"{place}.{entity}", maker, common)
            for entity, actions in (raw or {}).items()
            if actions is not None
        }
        # What can be found without looking any further, which is nearly everything.
        self._at_once: dict[str, Found] = {
            f"{entity} {action}": (rules[0], f"{entity} {action}")
            for entity, actions in self._table.items()
            for action, rules in actions.items()
            if " " not in entity + action and rules and rules[0].condition is None
        }

    @property
    def at_once(self) -> Mapping[str, Rule]:
        """Those rules that a name alone leads to."""
        return {name: rule for name, (rule, _) in self._at_once.items()}

    @property
    def all(self) -> Sequence[Rule]:
        """Every rule, in the order of the mapping."""
        return [
            rule for actions in self._table.values() for rules in actions.values() for rule in rules
        ]

    def find(self, event: Any, name: Any, trace: Trace) -> tuple[Rule | None, str | None]:
        """Return the rule for an event of *name*, and the key that led to it.

        The key is empty where there is no rule, and None where the name is none.
        """
        found = self._at_once.get(name) if type(name) is str else None
        return self._look(event, name, trace) if found is None else found

    def _look(self, event: Any, name: Any, trace: Trace) -> tuple[Rule | None, str | None]:
        words = name.split(" ") if isinstance(name, str) else []
        if not self.exist or len(words) < 2 or not (words[0] and words[1]):
            return None, None
        entity, action = words[0], words[1]
        entity = entity if entity in self._table else "*"
        actions = self._table.get(entity, {})
        action = action if action in actions else "*"
        for key in ((entity, action), ("*", "*")):
            for rule in self._table.get(key[0], {}).get(key[1], ()):
                if rule.condition is None or rule.condition(event, trace):
                    return rule, f"{key[0]} {key[1]}"
        return None, ""


def _actions(
    raw: Any, place: str, maker: Maker, common: Mapping[str, Aside]
) -> dict[str, tuple[Rule, ...]]:
    if not isinstance(raw, Mapping):
        raise ConfigurationError(f"{place}: an object is needed, this is {type(raw).__name__}")
    found: dict[str, tuple[Rule, ...]] = {}
    for action, one in raw.items():
        if isinstance(one, list | tuple):
            found[action] = tuple(
                rule_of(rule, f"{place}.{action}[{at}]", maker, common)
                for at, rule in enumerate(one)
            )
        elif one is not None:
            found[action] = (rule_of(one, f"{place}.{action}", maker, common),)
    return found
