"""Joining: the body of a request is made of encoded events in one copy."""

from __future__ import annotations

from collections.abc import Iterable


def enclose(head: bytes, separator: bytes, events: Iterable[bytes], tail: bytes) -> bytes:
    """Return *events*, of which there is one at least, joined between *head* and *tail*.

    Half a megabyte of fresh memory takes longer to get than to fill, so it is asked for once.
    """
    parts = list(events)
    parts[0] = head + parts[0]
    parts[-1] += tail
    return separator.join(parts)
