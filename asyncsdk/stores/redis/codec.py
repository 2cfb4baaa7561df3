"""Batches, progress and letters as Redis keeps them: a version, then the bytes of `stores.codec`."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import msgspec
from msgspec import Struct

from asyncsdk.seams import Batch, DeadLetter, Progress
from asyncsdk.stores.codec import CODEC, check_open, pack, pack_letter, unpack, unpack_letter

#: The first byte of everything; another one was written by another version.
_VERSION = bytes([CODEC])


class _Noted(Struct, frozen=True, array_like=True):
    open: list[tuple[int, int]]
    attempts: int


class Named(NamedTuple):
    """A letter as it is kept: its bytes, and the name that they give it."""

    name: str
    data: bytes


_noted_out = msgspec.json.Encoder()
_noted_in = msgspec.json.Decoder(_Noted)


def write_events(batch: Batch) -> bytes:
    """Return the events of *batch* as one value; all else stands beside it."""
    return _VERSION + pack(batch.events)


def read_events(data: bytes) -> list[bytes]:
    """Read the events of a batch.

    Raises:
        ValueError: Another version wrote them, or they are damaged.
    """
    return unpack(_body(data))


def write_progress(progress: Progress) -> bytes:
    """Return *progress* as one value: how many events are open, for the scripts, then all of it."""
    count = sum(stop - start for start, stop in progress.open)
    return b"%d:" % count + _noted_out.encode(_Noted(progress.open, progress.attempts))


def read_progress(data: bytes, count: int, age: float) -> Progress:
    """Read the progress of a batch of *count* events; nothing was noted of a fresh one.

    Raises:
        ValueError: It is damaged.
    """
    if not data:
        return Progress(open=[(0, count)], age=age)
    try:
        noted = _noted_in.decode(data.partition(b":")[2])
    except msgspec.DecodeError:
        raise ValueError("no progress") from None
    check_open(noted.open, count)
    return Progress(open=noted.open, attempts=noted.attempts, age=age)


def name_letter(letter: DeadLetter) -> Named:
    """Write *letter*, and name it by its bytes: the same letter twice is one."""
    data = _VERSION + pack_letter(letter)
    return Named(hashlib.sha256(data).hexdigest()[:32], data)


def read_letter(data: bytes) -> DeadLetter:
    """Read a letter.

    Raises:
        ValueError: Another version wrote it, or it is damaged.
    """
    return unpack_letter(_body(data))


def _body(data: bytes) -> bytes:
    if data[:1] != _VERSION:
        raise ValueError("written by another version")
    return data[1:]
