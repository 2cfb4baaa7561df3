"""Codec: how events and letters are written down by a store, and read again. Pure.

    events   how many, the length of each (little-endian, four bytes), then their bytes, end to end
    letter   MessagePack of its fields, by name

Each is kept beside its version. What a later version wrote is not read: `unpack` and
`unpack_letter` say so, and the store sets it aside. Nothing that is read is ever evaluated.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import accumulate, pairwise

import msgspec

from asyncsdk.seams import DeadLetter

#: Of both forms. A store keeps it beside what it wrote, and gives out no other one.
CODEC = 1

_letters_in = msgspec.msgpack.Decoder(DeadLetter)
_letters_out = msgspec.msgpack.Encoder()


def pack(events: Sequence[bytes]) -> bytes:
    """Return *events* as one value."""
    lengths = struct.pack(f"<{len(events) + 1}I", len(events), *map(len, events))
    return b"".join((lengths, *events))


def unpack(data: bytes) -> list[bytes]:
    """Return the events of a value that `pack` made.

    Raises:
        ValueError: It is no such value.
    """
    try:
        (count,) = struct.unpack_from("<I", data)
        lengths = struct.unpack_from(f"<{count}I", data, 4)
    except struct.error:
        raise ValueError("no packed events: it is too short") from None
    ends = accumulate(lengths, initial=4 * (count + 1))
    events = [data[start:end] for start, end in pairwise(ends)]
    if sum(lengths) != len(data) - 4 * (count + 1):
        raise ValueError("no packed events: the lengths do not add up")
    return events


def pack_letter(letter: DeadLetter) -> bytes:
    """Return *letter* as one value; the same letter is the same value."""
    return _letters_out.encode(letter)


def unpack_letter(data: bytes) -> DeadLetter:
    """Return the letter of a value that `pack_letter` made.

    Raises:
        ValueError: It is no such value.
    """
    try:
        return _letters_in.decode(data)
    except msgspec.DecodeError:
        raise ValueError("no packed letter") from None


def check_open(stretches: Sequence[tuple[int, int]], count: int) -> None:
    """See whether a batch of *count* events can have these open.

    Raises:
        ValueError: It cannot.
    """
    edges = [0, *(edge for stretch in stretches for edge in stretch), count]
    if not stretches or edges != sorted(edges):
        raise ValueError("no progress of such a batch")
