"""Settings: those of the walkerOS RudderStack destination, in its own spelling.

Some say what is called and how; the rest is what the original hands on to the RudderStack SDK, and
says how events are delivered. These count when the client is made from the mapping alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from asyncsdk.discreet import Discreet
from asyncsdk.errors import ConfigurationError
from asyncsdk.mapping.making import Maker
from asyncsdk.mapping.mapped import Value
from asyncsdk.mapping.properties import is_property
from asyncsdk.mapping.values import value_of

_CALLS = frozenset({"userId", "anonymousId", "identify", "group", "integrations"})


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


_DELIVERY: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "writeKey": (_is_text, "a text that is not empty"),
    "dataPlaneUrl": (_is_text, "a URL"),
    "path": (_is_text, "a path"),
    "flushAt": (_is_count, "a whole number"),
    "flushInterval": (_is_count, "a whole number of milliseconds"),
    "maxQueueSize": (_is_count, "a whole number of bytes"),
    "maxInternalQueueSize": (_is_count, "a whole number"),
    "logLevel": (lambda value: value in ("silly", "debug", "info", "error"), "a level"),
    "retryCount": (_is_count, "a whole number"),
    "enable": (_is_bool, "true or false"),
    "gzip": (_is_bool, "true or false"),
}


#: All settings that are known.
NAMES = _CALLS | _DELIVERY.keys()


class Settings(Discreet, frozen=True, kw_only=True):
    """Compiled settings.

    Attributes:
        user_id: Yields the user's id.
        anonymous_id: Yields the visitor's id.
        identify: Yields who the user is, for events whose rule does not say it.
        group: The same for the group.
        integrations: What every call carries.
        delivery: The rest, as it was written; `writeKey` is among it.
    """

    user_id: Value | None
    anonymous_id: Value | None
    identify: Value | None = None
    group: Value | None = None
    integrations: Mapping[str, Any] | None = None
    delivery: Mapping[str, Any] = {}

    @property
    def asides(self) -> dict[str, Value]:
        """The calls besides the track that events make whose rule does not say otherwise."""
        both = {"identify": self.identify, "group": self.group}
        return {kind: value for kind, value in both.items() if value is not None}

    def __repr__(self) -> str:
        """Show no key."""
        return "Settings(…)"


def settings_of(raw: Any, maker: Maker) -> Settings:
    """Compile the settings of a configuration.

    Raises:
        ConfigurationError: One is wrong; the place says which.
    """
    raw = {} if raw is None else raw
    if not isinstance(raw, Mapping):
        raise ConfigurationError(f"settings: an object is needed, this is {type(raw).__name__}")
    maker.check_keys(raw, NAMES, "settings")
    for name, (check, needed) in _DELIVERY.items():
        if raw.get(name) is not None and not check(raw[name]):
            raise ConfigurationError(f"settings.{name}: {needed} is needed")
    integrations = raw.get("integrations")
    if integrations is not None and not isinstance(integrations, Mapping):
        raise ConfigurationError("settings.integrations: an object is needed")
    if not is_property(integrations or {}, maker.noted):
        maker.noted.foreign = True

    def value(name: str, otherwise: str | None = None) -> Value | None:
        one = raw.get(name, otherwise)
        return None if one is None else value_of(one, f"settings.{name}", maker)

    return Settings(
        user_id=value("userId", "user.id") if raw.get("userId") != "" else None,
        anonymous_id=value("anonymousId", "user.session") if raw.get("anonymousId") != "" else None,
        identify=value("identify"),
        group=value("group"),
        integrations=integrations,
        delivery={name: raw[name] for name in _DELIVERY if raw.get(name) is not None},
    )
