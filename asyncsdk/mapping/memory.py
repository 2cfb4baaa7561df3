"""Memory: who was identified as what, so that it is said once.

The original keeps one last identity for all users. On a server users alternate, so this keeps one
for each: the last ones, up to a number, for a time. What is kept is a digest, not the traits.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from hashlib import blake2b
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from asyncsdk.errors import ConfigurationError
from asyncsdk.wire.values import clean

#: What processes may share: any dict whose methods answer at once. Keys are texts, values texts.
Shared: TypeAlias = MutableMapping[str, str]

#: Bytes that one remembered user or membership takes at most.
ENTRY_BYTES = 512

_DIGEST = 16
_encode = msgspec.json.Encoder(order="deterministic", decimal_format="number").encode


def digest(value: Any) -> str:
    """Return a short text for *value*, the same for the same content whatever its order of keys."""
    try:
        data = _encode(value)
    except Exception:  # noqa: BLE001 - what a foreign object raises is met by cleaning up
        data = _encode(clean(value, "")[0])
    return blake2b(data, digest_size=_DIGEST).hexdigest()


class Remember(Struct, frozen=True, kw_only=True):
    """How much is remembered, and for how long.

    Attributes:
        limit: Users and memberships of groups at most, each up to `ENTRY_BYTES`.
        keep_for: Seconds after which an identify or a group call is said again.
        shared: Where other processes look too; see `Memory`.
        clock: Seconds; with `shared` one that all processes have, such as `time.time`. None takes
            the client's own.

    Raises:
        ConfigurationError: A number is out of its range.
    """

    limit: int = 50_000
    keep_for: float = 86_400.0
    shared: Shared | None = None
    clock: Callable[[], float] | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.limit < 1 or not self.keep_for > 0:
            raise ConfigurationError("remember: limit must be 1 or more, keep_for more than 0")


class Memory:
    """Remember the last thing that was said of each user.

    Args:
        limit: Users and memberships that are remembered at most; each takes up to
            `ENTRY_BYTES`, the identify and the group calls of one user are two.
        keep_for: Seconds; what is older is said again.
        shared: Where other processes look too. It is asked in the caller's thread, for users that
            this process does not know; it must not wait for a network. What it raises hurts
            nobody: the user counts as unknown.

    Raises:
        ConfigurationError: A number is out of its range.
    """

    def __init__(
        self, limit: int = 50_000, keep_for: float = 86_400.0, shared: Shared | None = None
    ) -> None:
        Remember(limit=limit, keep_for=keep_for)  # checks them
        self._limit = limit
        self._keep_for = keep_for
        self._shared = shared
        # This is all that changes.
        self._known: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self.trouble: str = ""  # the type of what the shared memory raised last
        self.last: dict[str, tuple[object, object]] = {}  # the original's memory, by kind of call

    def __len__(self) -> int:
        """Return how many are remembered here."""
        return len(self._known)

    def is_news(self, key: str, what: str, at: float) -> bool:
        """Say whether *what* was not said of *key* lately, and remember it.

        Args:
            key: Of a user, or of a user in a group.
            what: A digest of what is to be said.
            at: Seconds on a clock; with `shared`, on one that all processes have.
        """
        known = self._known.get(key) or self._ask(key)
        news = known is None or known[0] != what or not 0 <= at - known[1] < self._keep_for
        self._known[key] = (what, at) if known is None or news else known
        self._known.move_to_end(key)
        if len(self._known) > self._limit:
            self._known.popitem(last=False)
        if news and self._shared is not None:
            self._share(self._shared.__setitem__, key, f"{what}@{at}")
        return news

    def forget(self, key: str) -> None:
        """Take back what was remembered of *key*: it could not be said."""
        self._known.pop(key, None)
        if self._shared is not None:
            self._share(self._shared.pop, key, None)

    def _ask(self, key: str) -> tuple[str, float] | None:
        said = None if self._shared is None else self._share(self._shared.get, key)
        what, mark, at = said.partition("@") if isinstance(said, str) else ("", "", "")
        try:
            return (what, float(at)) if mark else None
        except ValueError:
            return None

    def _share(self, method: Callable[..., object], *given: object) -> object:
        try:
            return method(*given)
        except Exception as error:  # noqa: BLE001 - a broken pipe must not break the call
            self.trouble = type(error).__name__
            return None


def key_of(*parts: str) -> str:
    """Return a short key for *parts*, which may be of any length."""
    whole = "".join([f"{len(part)}:{part}" for part in parts])
    if len(whole) <= 2 * _DIGEST:
        return whole
    return blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=_DIGEST).hexdigest()
