"""Settings: the client's own options, checked once, and where they come from."""

import inspect
import os
import ssl as ssl_module
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import msgspec

from asyncsdk.discreet import Discreet
from asyncsdk.errors import ConfigurationError
from asyncsdk.messages import Message
from asyncsdk.options import (
    DELIVERY_OPTIONS,
    Delivery,
    Exhausted,
    Jitter,
    Overflow,
    WithoutConsent,
    check_bool,
    check_choice,
    check_count,
    check_mapping,
    check_seconds,
)
from asyncsdk.reporting import DropHook, ErrorHook, EventHook, RequestHook
from asyncsdk.seams import Store, Transport
from asyncsdk.stores import MemoryStore

if TYPE_CHECKING:
    from asyncsdk.mapping import Mapping as EventMapping

Invalid = Literal["raise", "drop"]
Hook = Callable[[Message], Message | None]

_LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")


class Options(TypedDict, total=False):
    """Everything that ``AsyncAnalytics(*destinations, **options)`` takes; see docs/options.md."""

    flush_at: int
    flush_interval: float
    max_batch_events: int
    max_batch_bytes: int
    max_queue_events: int
    max_queue_bytes: int
    max_total_bytes: int
    overflow: Overflow
    invalid: Invalid
    strict: bool
    max_retries: int
    retry_base: float
    retry_cap: float
    jitter: Jitter
    exhausted: Exhausted
    max_age: float | None
    timeout: float
    concurrency: int
    gzip: bool
    probe_after: float
    probe_cap: float
    consent: Sequence[str]
    without_consent: WithoutConsent
    max_held_events: int
    max_held_age: float
    enabled: bool
    deliver: bool
    default_context: Mapping[str, Any]
    include_runtime_context: bool
    before_send: Sequence[Hook] | Hook
    on_error: ErrorHook | None
    on_drop: DropHook | None
    on_event: EventHook | None
    on_request: RequestHook | None
    log_level: str | None
    store: Store
    shutdown_timeout: float
    exit_drain: float
    handle_signals: bool
    mapping: "EventMapping | Mapping[str, EventMapping] | None"
    transport: Transport | None
    ssl: ssl_module.SSLContext | None
    proxy: str | None
    trust_env: bool


class Settings(Discreet, frozen=True, kw_only=True):
    """The client's options, resolved; those of the lanes are in `delivery`."""

    delivery: Delivery = Delivery()
    max_total_bytes: int = 256 * 1024 * 1024
    invalid: Invalid = "raise"
    strict: bool = False
    enabled: bool = True
    deliver: bool = True
    default_context: Mapping[str, Any] = {}
    include_runtime_context: bool = False
    before_send: tuple[Hook, ...] = ()
    on_error: ErrorHook | None = None
    on_drop: DropHook | None = None
    on_event: EventHook | None = None
    on_request: RequestHook | None = None
    log_level: str | None = None
    store: Any = None
    shutdown_timeout: float = 10.0
    exit_drain: float = 2.0
    handle_signals: bool = False
    mapping: Any = None
    transport: Any = None
    ssl: ssl_module.SSLContext | None = None
    proxy: str | None = None
    trust_env: bool = False

    def __repr__(self) -> str:
        """Show none of them: a proxy's URL may hold a password, a store's too."""
        return "<Settings>"


_OWN = set(Settings.__struct_fields__) - {"delivery"}


def read(options: Mapping[str, Any]) -> Settings:
    """Check *options* and return them as settings.

    Raises:
        ConfigurationError: An option is unknown, of the wrong type or out of its range.
    """
    unknown = sorted(options.keys() - _OWN - set(DELIVERY_OPTIONS))
    if unknown:
        raise ConfigurationError(
            f"{unknown[0]}: there is no such option; known are "
            f"{', '.join(sorted(_OWN | set(DELIVERY_OPTIONS)))}"
        )
    lanes = Delivery(**{name: options[name] for name in DELIVERY_OPTIONS if name in options})
    own = {name: value for name, value in options.items() if name in _OWN}
    for name, value in own.items():
        _CHECKS.get(name, _anything)(name, value)
    if "before_send" in own:
        own["before_send"] = _hooks(own["before_send"])
    if own.get("store") is None:
        own["store"] = MemoryStore()
    settings = Settings(delivery=lanes, **own)
    if not settings.deliver and settings.store.durability == "memory":
        raise ConfigurationError(
            "deliver=False: needs a store that others read; with "
            f"{type(settings.store).__name__} nothing would ever be sent"
        )
    return settings


def _hooks(value: Any) -> tuple[Hook, ...]:
    if not callable(value) and not isinstance(value, Sequence):
        raise ConfigurationError(
            f"before_send: functions are needed, this is {type(value).__name__}"
        )
    hooks: tuple[Any, ...] = (value,) if callable(value) else tuple(value)
    for hook in hooks:
        if not callable(hook):
            raise ConfigurationError(
                f"before_send: functions are needed, one is {type(hook).__name__}"
            )
        if inspect.iscoroutinefunction(hook) or inspect.iscoroutinefunction(
            getattr(hook, "__call__", None)  # noqa: B004 - an object may have an async __call__
        ):
            raise ConfigurationError(
                "before_send: runs in the caller's thread and cannot be awaited; "
                "give a plain function"
            )
    return hooks


def _anything(_name: str, _value: Any) -> None:
    pass


def _optional_callable(name: str, value: Any) -> None:
    if value is not None and not callable(value):
        raise ConfigurationError(f"{name}: a function is needed, this is {type(value).__name__}")
    if inspect.iscoroutinefunction(value):
        raise ConfigurationError(f"{name}: cannot be awaited; give a plain function")


def _level(name: str, value: Any) -> None:
    if value is not None:
        check_choice(name, value, _LEVELS)


def _invalid(name: str, value: Any) -> None:
    check_choice(name, value, ("raise", "drop"))


def _context(name: str, value: Any) -> None:
    if not isinstance(value, ssl_module.SSLContext | None):
        raise ConfigurationError(
            f"{name}: an ssl.SSLContext is needed, this is {type(value).__name__}; certificates "
            "are always verified"
        )


def _proxy(name: str, value: Any) -> None:
    if value is not None and not (
        isinstance(value, str) and value.startswith(("http://", "https://"))
    ):
        raise ConfigurationError(f"{name}: the URL of an HTTP proxy is needed")


def _mapping(name: str, value: Any) -> None:
    found = list(value.values()) if isinstance(value, Mapping) else [value]
    wrong = next((one for one in found if one is not None and not hasattr(one, "plan")), None)
    if wrong is not None or not found:
        raise ConfigurationError(
            f"{name}: a mapping (Mapping.load(…)) is needed, or an object of such by the names of "
            f"destinations, this is {type(wrong).__name__}"
        )


def _seam(kind: type, methods: tuple[str, ...]) -> Callable[[str, Any], None]:
    def check(name: str, value: Any) -> None:
        missing = [method for method in methods if not callable(getattr(value, method, None))]
        if value is not None and missing:
            raise ConfigurationError(
                f"{name}: a {kind.__name__} is needed, this {type(value).__name__} has no "
                f"{missing[0]}()"
            )

    return check


_CHECKS: dict[str, Callable[[str, Any], None]] = {
    "max_total_bytes": check_count,
    "invalid": _invalid,
    "strict": check_bool,
    "enabled": check_bool,
    "deliver": check_bool,
    "default_context": check_mapping,
    "include_runtime_context": check_bool,
    "on_error": _optional_callable,
    "on_drop": _optional_callable,
    "on_event": _optional_callable,
    "on_request": _optional_callable,
    "log_level": _level,
    "store": _seam(Store, ("append", "take", "settle", "recover")),
    "shutdown_timeout": check_seconds,
    "exit_drain": check_seconds,
    "handle_signals": check_bool,
    "mapping": _mapping,
    "transport": _seam(Transport, ("open", "send", "close")),
    "ssl": _context,
    "proxy": _proxy,
    "trust_env": check_bool,
}


def environment(prefix: str, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables that begin with *prefix*, without it, in lower case."""
    source = os.environ if environ is None else environ
    return {
        name[len(prefix) :].lower(): value
        for name, value in source.items()
        if name.startswith(prefix) and value != ""
    }


def from_text(name: str, text: str) -> Any:
    """Read the option *name* from *text*.

    Raises:
        ConfigurationError: The option cannot be said in text, or this text does not fit.
    """
    hint = _READABLE.get(name)
    if hint is None:
        raise ConfigurationError(f"{name}: cannot be set by an environment variable")
    if hint is bool:
        return read_bool(name, text)
    if hint is dict:
        return _object(name, text)
    if hint is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if name == "jitter" and text != "full":
        hint = float
    try:
        return msgspec.convert(text, hint, strict=False)
    except msgspec.ValidationError:
        raise ConfigurationError(f"{name}: {text!r} does not fit") from None


def read_bool(name: str, text: str) -> bool:
    """Read a yes or no.

    Raises:
        ConfigurationError: It is neither.
    """
    known = {"1": True, "true": True, "yes": True, "on": True}
    known |= {"0": False, "false": False, "no": False, "off": False}
    if text.lower() not in known:
        raise ConfigurationError(f"{name}: {text!r} is neither true nor false")
    return known[text.lower()]


def _object(name: str, text: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        raise ConfigurationError(f"{name}: a JSON object is needed") from None
    return value


# What a variable's text is read as; options that are objects cannot be said in the environment.
_READABLE: dict[str, Any] = {
    "flush_at": int,
    "flush_interval": float,
    "max_batch_events": int,
    "max_batch_bytes": int,
    "max_queue_events": int,
    "max_queue_bytes": int,
    "max_total_bytes": int,
    "overflow": str,
    "invalid": str,
    "strict": bool,
    "max_retries": int,
    "retry_base": float,
    "retry_cap": float,
    "jitter": str,
    "exhausted": str,
    "max_age": float,
    "timeout": float,
    "concurrency": int,
    "gzip": bool,
    "probe_after": float,
    "probe_cap": float,
    "consent": tuple,
    "without_consent": str,
    "max_held_events": int,
    "max_held_age": float,
    "enabled": bool,
    "deliver": bool,
    "default_context": dict,
    "include_runtime_context": bool,
    "log_level": str,
    "shutdown_timeout": float,
    "exit_drain": float,
    "handle_signals": bool,
    "proxy": str,
    "trust_env": bool,
}
