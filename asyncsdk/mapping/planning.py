"""Planning: a whole configuration, compiled; and what it makes of one event, but for the calls.

The order, which is the original's: the config's policy, the lookup, the rule's policy, the config's
data, `ignore`, the name, the rule's data, `include`, `remove`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from asyncsdk.errors import ConfigurationError
from asyncsdk.mapping.including import included, laid_over
from asyncsdk.mapping.making import Maker
from asyncsdk.mapping.mapped import Run, Value
from asyncsdk.mapping.paths import delete_at, set_at, step
from asyncsdk.mapping.properties import NO_VALUE
from asyncsdk.mapping.rules import Asides, Rule, Rules, check_batch, policy_of, sections
from asyncsdk.mapping.settings import Settings, settings_of
from asyncsdk.mapping.telling import id_text, text_only
from asyncsdk.mapping.tracing import Failure, Trace
from asyncsdk.mapping.values import nothing, requirement, value_of

# What a destination's configuration may hold in the original; the second group has no effect here.
_KNOWN = frozenset({"consent", "data", "policy", "include", "id", "settings", "mapping", "queue"})
_WITHOUT_EFFECT = frozenset(
    {
        "batch",
        "before",
        "breaker",
        "cache",
        "credentials",
        "disabled",
        "dlqMax",
        "env",
        "init",
        "loadScript",
        "logger",
        "mock",
        "next",
        "queueMax",
        "require",
        "setup",
        "state",
        "timeout",
    }
)


class Processed(Struct, frozen=True, kw_only=True):
    """What a configuration makes of one event, before any call.

    Attributes:
        event: It, with what the policies and the rule's name changed; a copy where they did.
        data: What becomes the properties; `NO_VALUE` if nothing.
        rule: The rule that was found, as it was written.
        mapping_key: The key that led to it, such as ``page *``; empty if there is none, None if
            the event has no name of two words.
        ignore: Whether nothing is to come of the event.
        silent: Whether there is to be no track.
        failures: What functions of the application's raised, or that the event is too large.
    """

    event: Any
    data: Any = NO_VALUE
    rule: Mapping[str, Any] | None = None
    mapping_key: str | None = None
    ignore: bool = False
    silent: bool = False
    failures: tuple[Failure, ...] = ()


class Plan:
    """A compiled configuration.

    Args:
        config: As it is written: `settings`, `mapping` (or `rules`), `consent`, `data` …
        maker: Compiles it, and knows the application's functions.

    Raises:
        ConfigurationError: Something in it is wrong; the place says where.
    """

    def __init__(self, config: Mapping[str, Any], maker: Maker) -> None:
        rules = _rules(config)
        maker.check_keys(config, _KNOWN | _WITHOUT_EFFECT | {"rules"}, "mapping")
        for key in sorted(config.keys() & _WITHOUT_EFFECT):
            maker.warn(f"{key}: has no effect here")
        check_batch(config.get("batch"), "batch")
        self.maker: Maker = maker
        self.id: str = _text(config, "id")
        self.queue: bool = _switch(config, "queue")
        self.consent: Mapping[str, bool] = requirement(config.get("consent"), "consent", maker)
        self.policy: Sequence[tuple[str, Run]] = policy_of(config.get("policy"), "policy", maker)
        data = config.get("data")
        if data == "":
            data = {"value": ""}  # the original takes an empty path for an empty text here
        self.data: Value | None = None if data is None else value_of(data, "data", maker)
        self.include: tuple[str, ...] = sections(config.get("include"), "include", maker) or ()
        self.settings: Settings = settings_of(config.get("settings"), maker)
        common = self.settings.asides
        self.asides: Asides = tuple(common.items())
        self.rules: Rules = Rules(rules, "rules", maker, common)
        self._look_up()

    def _look_up(self) -> None:
        """Keep at hand what every event asks for."""
        noted, settings = self.maker.noted, self.settings
        self.walkeros: bool = self.maker.compat == "walkeros"
        self.integrations: Mapping[str, Any] | None = (
            None if self.walkeros else settings.integrations
        )
        self.id_text: Callable[[Any], str | None] = text_only if self.walkeros else id_text
        self.user_id: Run = nothing if settings.user_id is None else settings.user_id.run
        self.anonymous_id: Run = (
            nothing if settings.anonymous_id is None else settings.anonymous_id.run
        )
        self.holes: bool = noted.marks.holes
        self.reads_name: bool = noted.marks.reads_name
        self.foreign: bool = noted.foreign
        kinds = {kind for rule in self.rules.all for kind, _ in rule.asides}
        kinds.update(kind for kind, _ in self.asides)
        self.remembers: bool = bool({"identify", "group"} & kinds)
        self._simple: bool = not (self.policy or self.data or self.include)
        self.quick: Mapping[str, Rule] = {
            name: rule
            for name, rule in self.rules.at_once.items()
            if self._simple and not self.consent and self._is_quick(rule)
        }

    def _is_quick(self, rule: Rule) -> bool:
        """Whether a rule says no more than a name and data."""
        renames = (self.reads_name or rule.reads_name) and bool(rule.name)
        more = (rule.consent, rule.include, rule.remove, rule.policy, rule.ignore, rule.silent)
        return not renames and not any(more) and not rule.asides

    def find(self, event: Any, trace: Trace) -> tuple[Any, Rule | None, str | None]:
        """Apply the policies and find the rule.

        Returns:
            The event, which is a copy if a policy changed it; the rule; the key that led to it.
        """
        if self.policy:
            event = _apply(self.policy, event, trace)
        name = event.get("name") if type(event) is dict else step(event, "name")
        rule, key = self.rules.find(event, name, trace)
        if rule is not None and rule.policy:
            event = _apply(rule.policy, event, trace)
        return event, rule, key

    def data_of(self, event: Any, renamed: Any, rule: Rule | None, trace: Trace) -> Any:
        """Return what becomes the properties, or `NO_VALUE`.

        Args:
            event: As the policies left it: what the config's data is made of.
            renamed: The same with the name that the rule gives it, for all that follows.
            rule: The rule that was found.
            trace: Of the event.
        """
        if self._simple and (rule is None or not (rule.include or rule.remove)):
            return NO_VALUE if rule is None or rule.data is None else rule.data.run(renamed, trace)
        data: Any = NO_VALUE if self.data is None else self.data.run(event, trace)
        trace.event = renamed
        if rule is not None and rule.data is not None:
            own = rule.data.run(renamed, trace)
            both = isinstance(data, Mapping) and isinstance(own, Mapping)
            data = laid_over(data, own) if both else own
        return _finish(renamed, data, rule, self.include, trace)


def _apply(policy: Sequence[tuple[str, Run]], event: Any, trace: Trace) -> Any:
    """Set what a policy says; every entry sees the event as it was before."""
    found = [(path, run(event, trace)) for path, run in policy]
    for path, value in found:
        event = set_at(event, path, value)
    trace.event = event
    return event


def _finish(event: Any, data: Any, rule: Rule | None, include: Sequence[str], trace: Trace) -> Any:
    """Put what is included under *data*, and cut out what is to be removed."""
    if rule is not None and rule.include is not None:
        include = rule.include
    more: dict[str, Any] = {}
    if include:
        more = included(event, include)
        trace.foreign = True  # what is included is taken as it is
    if more and isinstance(data, Mapping):
        data = laid_over(more, data)
    elif more and (data is NO_VALUE or data is None):
        data = more
    if rule is not None and isinstance(data, Mapping):
        for path in rule.remove:
            data = delete_at(data, path)
    return data


def _rules(config: Mapping[str, Any]) -> Any:
    if "mapping" in config and "rules" in config:
        raise ConfigurationError('mapping: "rules" is another word for "mapping"; give one of them')
    return config.get("mapping", config.get("rules"))


def _switch(config: Mapping[str, Any], key: str) -> bool:
    value = config.get(key, True)
    if not isinstance(value, bool):
        raise ConfigurationError(f"{key}: true or false is needed")
    return value


def _text(config: Mapping[str, Any], key: str) -> str:
    value = config.get(key)
    if value is not None and not isinstance(value, str):
        raise ConfigurationError(f"{key}: a text is needed, this is {type(value).__name__}")
    return value or ""
