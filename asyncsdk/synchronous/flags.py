"""Feature flags for code without a loop: the same questions, with answers that are waited for."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from asyncsdk.flags.getting import Flags
from asyncsdk.flags.polling import News
from asyncsdk.flags.results import FlagResult
from asyncsdk.messages import Id

P = ParamSpec("P")
T = TypeVar("T")


class Wait(Protocol):
    """The way to the loop on which the client runs."""

    def __call__(self, work: Callable[[], Awaitable[T]], /) -> T:
        """Await *work* there; return or raise what it does."""
        ...


def _blocking(
    work: Callable[Concatenate[Flags, P], Awaitable[T]],
) -> Callable[[Callable[[SyncFlags], None]], Callable[Concatenate[SyncFlags, P], T]]:
    """Return a decorator: the method has the arguments of *work*, and blocks until that is done."""

    def decorate(words: Callable[[SyncFlags], None]) -> Callable[Concatenate[SyncFlags, P], T]:
        def ask(self: SyncFlags, /, *args: P.args, **kwargs: P.kwargs) -> T:
            return self.wait(functools.partial(work, self.flags, *args, **kwargs))

        functools.update_wrapper(ask, work)
        ask.__doc__ = words.__doc__
        return ask

    return decorate


class SyncFlags:
    """The feature flags of one destination; see `asyncsdk.flags.Flags`, which answers.

    Attributes:
        flags: Who answers.
        wait: The way there.
    """

    def __init__(self, flags: Flags, wait: Wait) -> None:
        self.flags: Flags = flags
        self.wait: Wait = wait

    @_blocking(Flags.get)
    def get(self) -> None:
        """Return whether the flag is on, or its variant; None if nobody could say."""

    @_blocking(Flags.is_enabled)
    def is_enabled(self) -> None:
        """Return whether the flag is on, in whatever variant; None if nobody could say."""

    @_blocking(Flags.result)
    def result(self) -> None:
        """Return all that is known of the flag: value, payload, reason, who said so."""

    @_blocking(Flags.payload)
    def payload(self) -> None:
        """Return the payload of the flag, decoded; None if there is none. Reports nothing."""

    @_blocking(Flags.all)
    def all(self) -> None:
        """Return the values of all flags, by key; None if nobody could say anything."""

    @_blocking(Flags.all_with_payloads)
    def all_with_payloads(self) -> None:
        """Return values and payloads of all flags; otherwise as `all`."""

    @_blocking(Flags.snapshot)
    def snapshot(self) -> None:
        """Evaluate all flags once, for many reads in memory."""

    @_blocking(Flags.remote_config)
    def remote_config(self) -> None:
        """Return the payload of a remote configuration; None if it cannot be had."""

    @_blocking(Flags.reload)
    def reload(self) -> None:
        """Fetch the definitions now; return whether that went well."""

    @_blocking(Flags.ready)
    def ready(self) -> None:
        """Wait until there are definitions; return whether there are."""

    def local_result(self, key: str, distinct_id: Id, **asked: Any) -> FlagResult:
        """Return what the definitions that are here say of the flag *key*; never ask, never wait.

        Raises:
            ValidationError: An argument breaks a rule.
        """
        return self.flags.local_result(key, distinct_id, **asked)

    @property
    def is_ready(self) -> bool:
        """Whether there are definitions."""
        return self.flags.is_ready

    @property
    def definitions_age(self) -> float | None:
        """Seconds since the definitions were last known to be right; None without any."""
        return self.flags.definitions_age

    @property
    def keys(self) -> tuple[str, ...]:
        """The flags that there are definitions of."""
        return self.flags.keys

    def watch(self, listener: Callable[[News], object]) -> Callable[[], None]:
        """Call *listener* whenever definitions come, change, are cleared, or fail to come.

        On the client's thread, where it must not wait; what it raises is logged.

        Returns:
            A function that ends this.
        """
        return self.flags.watch(listener)
