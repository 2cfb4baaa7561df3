"""Where a person falls in a rollout or among variants, as comparisons of digests.

The hash of a person is the first 15 hexadecimal digits of a SHA-1 as a fraction of 2 to the
60th. It is compared with percentages; which side a digest is on can be said once, in bytes: no
number is made of it later. Limits are the first digest that is *not* below a fraction anymore,
doubles rounded as the server rounds them.

Source: protocol facts "Local evaluation", hashing (checked 2026-11).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha1
from typing import Protocol, TypeAlias

_SCALE = float(1 << 60)
_BITS = 60


class Hashing(Protocol):
    """A hash that is being made."""

    def update(self, data: bytes, /) -> None:
        """Add *data*."""
        ...

    def digest(self) -> bytes:
        """Return the digest of all that was added."""
        ...


def begin(prefix: str) -> Callable[[], Hashing]:
    """Return what makes hashes that begin with *prefix*, which is hashed once."""
    return sha1(prefix.encode(), usedforsecurity=False).copy


#: From a bucketing value, as UTF-8, to its digest.
Digest: TypeAlias = Callable[[bytes], bytes]


def digests(prefix: str) -> Digest:
    """Return a function from a bucketing value to its digest after *prefix*."""
    begun = begin(prefix)

    def digest(value: bytes) -> bytes:
        hashing = begun()
        hashing.update(value)
        return hashing.digest()

    return digest


def first_above(fraction: float) -> bytes | None:
    """Return the least digest whose hash is above *fraction*; None if no digest's is."""
    return _limit(lambda number: number / _SCALE > fraction)


def first_not_below(fraction: float) -> bytes | None:
    """Return the least digest whose hash is not below *fraction*; None if all are below."""
    return _limit(lambda number: number / _SCALE >= fraction)


def _limit(is_past: Callable[[int], bool]) -> bytes | None:
    low, high = 0, 1 << _BITS
    while low < high:
        middle = (low + high) // 2
        # Rounding to a double keeps the order of numbers, so halving finds the first.
        if is_past(middle):
            high = middle
        else:
            low = middle + 1
    # One more hexadecimal digit makes whole bytes; what follows it in a digest does not matter.
    return None if low >> _BITS else (low << 4).to_bytes(8, "big")


def variant_of(percentages: Sequence[float]) -> Callable[[bytes], int]:
    """Return a function from a digest to the place of its variant, or one place too far."""
    bounds: list[float] = []
    for percentage in percentages:
        bounds.append((bounds[-1] if bounds else 0) + percentage / 100)
    if any(percentage < 0 for percentage in percentages):
        return _searched(bounds)
    # All digests are below b"\xff" * 21.
    limits = [first_not_below(bound) or b"\xff" * 21 for bound in bounds]
    return partial(bisect_right, limits)


def _searched(bounds: list[float]) -> Callable[[bytes], int]:
    """Search as the definition reads, for ranges that do not rise."""
    ranges = list(zip([0.0, *bounds], bounds, strict=False))

    def place(digest: bytes) -> int:
        share = (int.from_bytes(digest[:8], "big") >> 4) / _SCALE
        found = (at for at, (low, high) in enumerate(ranges) if low <= share < high)
        return next(found, len(ranges))

    return place
