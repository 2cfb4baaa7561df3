"""Mapping: a configuration, read and compiled once, and the pure functions that use one."""

from __future__ import annotations

from collections.abc import Mapping as AbstractMapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from asyncsdk.errors import ConfigurationError
from asyncsdk.mapping.calling import Called, Stamp, call
from asyncsdk.mapping.files import read_config
from asyncsdk.mapping.making import Compat, Function, Maker, copied
from asyncsdk.mapping.memory import Memory, Remember
from asyncsdk.mapping.merging import merge_rules
from asyncsdk.mapping.planning import Plan, Processed
from asyncsdk.mapping.properties import NO_VALUE
from asyncsdk.mapping.rules import Rules
from asyncsdk.mapping.tracing import MAX_LOOKS, Failure, TooMany, Trace
from asyncsdk.mapping.values import value_of
from asyncsdk.messages import Message

#: What is said of an event whose lists are too long.
_TOO_MANY = Failure("event", f"TooMany: more than {MAX_LOOKS} values of its lists")


class Mapping:
    """Hold a configuration that says what becomes of walkerOS events.

    It is compiled here, once; nothing of *config* is kept, and later changes of it do not show.

    Args:
        config: As the walkerOS RudderStack destination takes it.
        functions: What texts in `fn`, `condition` and `validate` name. Text is never run as code.
        defaults: Rules that those of *config* are laid over, with `extend` and `remove`.
        compat: ``"walkeros"`` for the original's behaviour where ours differs on purpose.
        remember: Of how many users the last identify and group call is remembered, and how long.
        watching: Whether to note which paths are found and which rules are used; it costs time.

    Raises:
        ConfigurationError: Something in it is wrong; it begins with the place.
    """

    def __init__(
        self,
        config: AbstractMapping[str, Any],
        *,
        functions: AbstractMapping[str, Function] | None = None,
        defaults: AbstractMapping[str, Any] | None = None,
        compat: Compat = None,
        remember: Remember | None = None,
        watching: bool = False,
    ) -> None:
        if not isinstance(config, AbstractMapping):
            raise ConfigurationError(
                f"mapping: an object is needed, this is {type(config).__name__}"
            )
        if compat not in (None, "walkeros"):
            raise ConfigurationError(f'compat: None or "walkeros" is needed, not {compat!r}')
        whole = copied(config, "")
        if defaults:
            word = "mapping" if "mapping" in whole else "rules"
            whole[word] = merge_rules(copied(defaults, "defaults"), whole.get(word) or {})
        self.remember: Remember = remember or Remember()
        self.plan: Plan = Plan(whole, Maker(functions, compat=compat, watching=watching))

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        functions: AbstractMapping[str, Function] | None = None,
        defaults: AbstractMapping[str, Any] | None = None,
        compat: Compat = None,
        remember: Remember | None = None,
        watching: bool = False,
    ) -> Mapping:
        """Read a mapping from a JSON or YAML file; by the end of its name.

        YAML needs the extra ``[yaml]`` and is read with the safe loader: it makes no objects.

        Raises:
            ConfigurationError: The file cannot be read, or something in it is wrong.
        """
        return cls(
            read_config(Path(path)),
            functions=functions,
            defaults=defaults,
            compat=compat,
            remember=remember,
            watching=watching,
        )

    @property
    def compat(self) -> Compat:
        """Whether it does what the original does, also where ours differs on purpose."""
        return self.plan.maker.compat

    @property
    def queue(self) -> bool:
        """Whether events wait for consent that is not given yet; else they are dropped."""
        return self.plan.queue

    @property
    def remembers(self) -> bool:
        """Whether any event may lead to an identify or a group call, which is said once."""
        return self.plan.remembers

    @property
    def asks_consent(self) -> bool:
        """Whether anything in it asks for consent, or may."""
        return self.plan.maker.noted.asks_consent

    @property
    def warnings(self) -> Sequence[str]:
        """What works, but perhaps not as its author thinks."""
        return tuple(self.plan.maker.noted.warnings)

    def memory(self) -> Memory:
        """Return a new memory, with what this mapping says of it."""
        wanted = self.remember
        return Memory(wanted.limit, wanted.keep_for, wanted.shared)

    def call(self, event: Any, memory: Memory, stamp: Stamp, consent: Any = None) -> Called:
        """Return what *event* leads to, and what went wrong on the way.

        With failures there are calls too: those that the original would make.

        Args:
            event: A walkerOS event.
            memory: Who was identified as what.
            stamp: Time, and an id for events without one.
            consent: What counts where the event says nothing of consent.
        """
        if type(event) is not dict:
            event = dict(event) if isinstance(event, AbstractMapping) else {}
        trace = Trace(event, consent, self.plan.foreign)
        try:
            called = call(self.plan, event, memory, trace, stamp)
        except TooMany:
            return Called([], failures=(_TOO_MANY,))
        if trace.failures:
            return structs.replace(called, single=False, failures=tuple(trace.failures))
        return called

    def __repr__(self) -> str:
        """Show how much it is; never a key."""
        return f"<Mapping {self.plan.id}: {len(self.plan.rules.all)} rules>"


#: A configuration, compiled or as it is written.
Config = Mapping | AbstractMapping[str, Any]


class Matched(Struct, frozen=True, kw_only=True):
    """Which rule an event leads to.

    Attributes:
        rule: It, as it was written; None if there is none.
        mapping_key: The key that led to it, such as ``page *``; empty if there is none, None if
            the event has no name of two words.
    """

    rule: AbstractMapping[str, Any] | None = None
    mapping_key: str | None = None


def _plan(config: Config, compat: Compat) -> Plan:
    return config.plan if isinstance(config, Mapping) else Mapping(config, compat=compat).plan


def resolve(
    event: Any,
    value: Any,
    *,
    consent: AbstractMapping[str, Any] | None = None,
    collector_consent: AbstractMapping[str, Any] | None = None,
    functions: AbstractMapping[str, Function] | None = None,
    compat: Compat = None,
) -> Any:
    """Return what the mapping value *value* yields for *event*; `NO_VALUE` if nothing.

    Lists may have `NO_VALUE` in them. What a function raises counts as no value.

    Args:
        event: A walkerOS event, or anything else that is to be looked into.
        value: A path, an object or a list, as in a mapping.
        consent: What counts if the event says nothing of consent.
        collector_consent: What counts if there is none of these.
        functions: What texts in `fn`, `condition` and `validate` name.
        compat: ``"walkeros"`` lets unknown keys pass.

    Raises:
        ConfigurationError: *value* is no mapping value; it begins with the place.
    """
    run = value_of(copied(value, "value"), "value", Maker(functions, compat=compat)).run
    trace = Trace(event, collector_consent if consent is None else consent)
    try:
        return NO_VALUE if event is NO_VALUE else run(event, trace)
    except TooMany:
        return NO_VALUE


def match(
    event: Any,
    rules: AbstractMapping[str, Any] | None,
    *,
    functions: AbstractMapping[str, Function] | None = None,
    compat: Compat = None,
) -> Matched:
    """Return the rule of *rules* that *event* leads to.

    Raises:
        ConfigurationError: *rules* are none; it begins with the place.
    """
    compiled = Rules(copied(rules, "rules"), "rules", Maker(functions, compat=compat), {})
    name = event.get("name") if isinstance(event, AbstractMapping) else None
    rule, key = compiled.find(event, name, Trace(event, None))
    return Matched(rule=None if rule is None else rule.raw, mapping_key=key)


def process(
    event: Any,
    config: Config,
    *,
    consent: AbstractMapping[str, Any] | None = None,
    collector_consent: AbstractMapping[str, Any] | None = None,
    compat: Compat = None,
) -> Processed:
    """Return what *config* makes of *event* before any call; its own consent is not asked for here.

    Args:
        event: A walkerOS event.
        config: A mapping, or a configuration, which is then compiled each time.
        consent: What its values' `consent` asks, if the event says nothing of consent.
        collector_consent: What counts if there is none of these.
        compat: ``"walkeros"`` for the original's behaviour, if *config* is not compiled.

    Raises:
        ConfigurationError: Something in *config* is wrong; it begins with the place.
    """
    plan = _plan(config, compat)
    trace = Trace(event, collector_consent if consent is None else consent, plan.foreign)
    try:
        return _process(plan, event, trace)
    except TooMany:
        return Processed(event=event, failures=(_TOO_MANY,))


def _process(plan: Plan, event: Any, trace: Trace) -> Processed:
    event, rule, key = plan.find(event, trace)
    if rule is not None and rule.ignore:
        data = NO_VALUE if plan.data is None else plan.data.run(event, trace)
    else:
        before = event
        if rule is not None and rule.name and isinstance(event, AbstractMapping):
            event = {**event, "name": rule.name}
        data = plan.data_of(before, event, rule, trace)
    return Processed(
        event=event,
        data=data,
        rule=None if rule is None else rule.raw,
        mapping_key=key,
        ignore=rule is not None and rule.ignore,
        silent=rule is not None and rule.silent,
        failures=tuple(trace.failures or ()),
    )


def calls(
    event: Any,
    config: Config,
    memory: Memory,
    *,
    consent: AbstractMapping[str, Any] | None = None,
    collector_consent: AbstractMapping[str, Any] | None = None,
    stamp: Stamp | None = None,
    compat: Compat = None,
) -> list[Message]:
    """Return the calls that *event* leads to under *config*, in order.

    None, if its user has not given the consent that is asked for.

    Args:
        event: A walkerOS event.
        config: A mapping, or a configuration, which is then compiled each time.
        memory: Who was identified as what; identify and group are said when they are news.
        consent: What counts if the event says nothing of consent.
        collector_consent: What counts if there is none of these.
        stamp: Time, and an id for events without one.
        compat: ``"walkeros"`` for the original's behaviour, if *config* is not compiled.

    Raises:
        ConfigurationError: Something in *config* is wrong; it begins with the place.
    """
    mapping = config if isinstance(config, Mapping) else Mapping(config, compat=compat)
    around = collector_consent if consent is None else consent
    return mapping.call(event, memory, stamp or Stamp(), around).messages
