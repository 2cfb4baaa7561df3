"""Inheriting: what a forked child has of its parent, and must leave alone.

A module of its own, as ctypes takes a while to import: it is loaded with the first connection, before
anybody forks.
"""

from __future__ import annotations

from collections.abc import Callable


def _find_keeper() -> Callable[[object], object]:
    """Return what holds a thing beyond the end of the interpreter; without ctypes, up to that."""
    try:
        from ctypes import py_object, pythonapi
    except (ImportError, AttributeError):  # another Python than CPython has no such references
        return list[object]().append
    return lambda thing: pythonapi.Py_IncRef(py_object(thing))


_keep = _find_keeper()


def leave_alone(thing: object) -> None:
    """Never free *thing* in this process, not even at its end.

    A connection that is freed takes its socket out of what its loop watches. Where that is an epoll
    instance, a forked child shares it with its parent: whose loop would hear nothing more of its own
    connection, and wait for answers that are there.
    """
    _keep(thing)
