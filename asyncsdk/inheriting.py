"""Inheriting: what a forked child has of its parent, and must leave alone.

A module of its own, as ctypes takes a while to import: it is loaded with the first connection, before
anybody forks.
"""

from __future__ import annotations

try:
    from ctypes import py_object, pythonapi
except (ImportError, AttributeError):  # a Python without ctypes, or another one than CPython
    py_object = pythonapi = None  # type: ignore[assignment, misc]

_inherited: list[object] = []


def leave_alone(thing: object) -> None:
    """Never free *thing* in this process, not even at its end.

    A connection that is freed takes its socket out of what its loop watches. Where that is an epoll
    instance, a forked child shares it with its parent: whose loop would hear nothing more of its own
    connection, and wait for answers that are there. (Without ctypes it is freed at the end.)
    """
    _inherited.append(thing)
    if pythonapi is not None and py_object is not None:
        pythonapi.Py_IncRef(py_object(thing))
