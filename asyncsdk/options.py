"""Options: what a lane and a client can be told, checked once, fixed for a client's life.

Three layers decide about a lane, the first that speaks wins: the destination's own `Delivery`,
the client's keyword, the vendor's default; `SETTLED` stands behind them.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct, structs

from asyncsdk.errors import ConfigurationError

Overflow = Literal["drop_newest", "drop_oldest", "raise"]
Exhausted = Literal["dead_letter", "requeue"]
Jitter = float | Literal["full"]
WithoutConsent = Literal["drop", "hold"]


class Delivery(Struct, frozen=True, kw_only=True):
    """Override options for one destination; None leaves an option to the client.

    Attributes:
        flush_at: Events that seal the open chunk, 1 or more.
        flush_interval: Seconds after which the open chunk is sealed; 0 switches the timer off.
        max_batch_events: Most events of one batch.
        max_batch_bytes: Most bytes of one request's body before compression. An event that is
            larger by itself travels alone.
        max_queue_events: Bound of what waits and is in flight, in events.
        max_queue_bytes: The same in bytes of encoded events.
        overflow: What a full queue does: ``"drop_newest"``, ``"drop_oldest"`` or ``"raise"``.
        max_retries: Further attempts of a batch after the first one, 0 or more.
        retry_base: Seconds before the first further attempt; doubles with each.
        retry_cap: Seconds; no back-off of ours is longer.
        jitter: Fraction of the back-off added or taken away by chance, 0 to 1, or ``"full"``.
        exhausted: After the last attempt: ``"dead_letter"``, or ``"requeue"`` at the front.
        max_age: Seconds after which an undelivered event becomes a dead letter.
        timeout: Seconds for one request in all; 0 for none.
        concurrency: Requests in flight at once; more than 1 trades order for throughput.
        gzip: Whether bodies are compressed.
        probe_after: Seconds until a lane that stands still (a wrong key) is probed.
        probe_cap: Seconds; the pause between probes doubles up to this.
        consent: Purposes that a user must have agreed to before an event goes here.
        without_consent: What becomes of an event whose user has not said so: ``"drop"``, or
            ``"hold"`` until `AsyncAnalytics.consent` says it. A no drops it in any case.
        max_held_events: Most events held for consent; beyond it the oldest are dropped. As many may
            wait for their feature flags; of these the oldest go without.
        max_held_age: Seconds after which an event that is held is dropped.
    """

    flush_at: int | None = None
    flush_interval: float | None = None
    max_batch_events: int | None = None
    max_batch_bytes: int | None = None
    max_queue_events: int | None = None
    max_queue_bytes: int | None = None
    overflow: Overflow | None = None
    max_retries: int | None = None
    retry_base: float | None = None
    retry_cap: float | None = None
    jitter: Jitter | None = None
    exhausted: Exhausted | None = None
    max_age: float | None = None
    timeout: float | None = None
    concurrency: int | None = None
    gzip: bool | None = None
    probe_after: float | None = None
    probe_cap: float | None = None
    consent: Sequence[str] | None = None
    without_consent: WithoutConsent | None = None
    max_held_events: int | None = None
    max_held_age: float | None = None

    def __post_init__(self) -> None:
        """Check every option that was given.

        Raises:
            ConfigurationError: An option is of the wrong type or out of its range.
        """
        for name in DELIVERY_OPTIONS:
            value = getattr(self, name)
            if value is not None:
                _RULES[name](name, value)
        if self.consent is not None:
            structs.force_setattr(self, "consent", tuple(self.consent))


class LaneOptions(Struct, frozen=True, kw_only=True):
    """The options of one lane, resolved: nothing is open any more."""

    flush_at: int = 20
    flush_interval: float = 10.0
    max_batch_events: int = 5_000
    max_batch_bytes: int = 460_800
    max_queue_events: int = 20_000
    max_queue_bytes: int = 64 * 1024 * 1024
    overflow: Overflow = "drop_newest"
    max_retries: int = 10
    retry_base: float = 1.0
    retry_cap: float = 30.0
    jitter: Jitter = 0.25
    exhausted: Exhausted = "dead_letter"
    max_age: float = math.inf
    timeout: float = 10.0
    concurrency: int = 1
    gzip: bool = True
    probe_after: float = 60.0
    probe_cap: float = 600.0
    consent: Sequence[str] = ()
    without_consent: WithoutConsent = "drop"
    max_held_events: int = 1_000
    max_held_age: float = 1_800.0


#: An outage that lasts longer than this ends a requeued batch, unless `max_age` says otherwise.
REQUEUE_MAX_AGE = 3600.0

DELIVERY_OPTIONS = Delivery.__struct_fields__


def resolve(*layers: Delivery) -> LaneOptions:
    """Merge *layers*, the strongest first, over the defaults.

    Returns:
        The options of a lane. With ``exhausted="requeue"`` an open `max_age` becomes an hour.
    """
    chosen: dict[str, Any] = {}
    for layer in reversed(layers):
        for name in DELIVERY_OPTIONS:
            value = getattr(layer, name)
            if value is not None:
                chosen[name] = value
    if chosen.get("exhausted") == "requeue":
        chosen.setdefault("max_age", REQUEUE_MAX_AGE)
    return LaneOptions(**chosen)


def check_seconds(name: str, value: object, *, least: float = 0.0) -> None:
    """Refuse *value* unless it is a number of seconds, at least *least*; infinity is one.

    Raises:
        ConfigurationError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= least:
        raise ConfigurationError(
            f"{name}={value!r}: a number of seconds, {least:g} or more, is needed"
        )


def check_count(name: str, value: object, *, least: int = 1) -> None:
    """Refuse *value* unless it is a whole number, at least *least*.

    Raises:
        ConfigurationError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigurationError(f"{name}={value!r}: a whole number, {least} or more, is needed")


def check_bool(name: str, value: object) -> None:
    """Refuse *value* unless it is True or False.

    Raises:
        ConfigurationError: It is not.
    """
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name}={value!r}: True or False is needed")


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse *value* unless it is one of *choices*.

    Raises:
        ConfigurationError: It is not.
    """
    if value not in choices:
        raise ConfigurationError(f"{name}={value!r}: one of {', '.join(choices)} is needed")


def check_mapping(name: str, value: object) -> None:
    """Refuse *value* unless it is a mapping.

    Raises:
        ConfigurationError: It is not.
    """
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{name}: a mapping is needed, this is {type(value).__name__}")


def _jitter(name: str, value: object) -> None:
    if value == "full":
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigurationError(f'{name}={value!r}: a number from 0 to 1, or "full", is needed')


def _none_negative(name: str, value: object) -> None:
    check_count(name, value, least=0)


def _positive(name: str, value: object) -> None:
    check_seconds(name, value, least=0.001)


def _texts(name: str, value: object) -> None:
    texts: Sequence[object] = (
        value if isinstance(value, Sequence) and not isinstance(value, str) else [None]
    )
    if not all(isinstance(text, str) and text for text in texts):
        raise ConfigurationError(f"{name}={value!r}: a list of texts that are not empty is needed")


def _choice(*choices: str) -> Callable[[str, object], None]:
    return lambda name, value: check_choice(name, value, choices)


_RULES: dict[str, Callable[[str, object], None]] = {
    "flush_at": check_count,
    "flush_interval": check_seconds,
    "max_batch_events": check_count,
    "max_batch_bytes": check_count,
    "max_queue_events": check_count,
    "max_queue_bytes": check_count,
    "overflow": _choice("drop_newest", "drop_oldest", "raise"),
    "max_retries": _none_negative,
    "retry_base": check_seconds,
    "retry_cap": check_seconds,
    "jitter": _jitter,
    "exhausted": _choice("dead_letter", "requeue"),
    "max_age": check_seconds,
    "timeout": check_seconds,
    "concurrency": check_count,
    "gzip": check_bool,
    "probe_after": _positive,
    "probe_cap": _positive,
    "consent": _texts,
    "without_consent": _choice("drop", "hold"),
    "max_held_events": check_count,
    "max_held_age": check_seconds,
}
