"""Frames: where an error came from, line by line, as plain values.

Read at the call, in the caller's thread: source lines come through `linecache`, which reads a file
once, from plain files of a usual size, and not too many of them in one call. Of a frame its place
and its source are told, never the values of its variables.
"""

from __future__ import annotations

import linecache
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from types import CodeType, FrameType, TracebackType
from typing import Any

#: Source lines told before and after the one that ran.
AROUND = 5
MAX_LINE = 200
#: Of one file, and of all files that one call may be the first to read.
MAX_SOURCE_BYTES = 1024 * 1024
MAX_READ_BYTES = 2 * 1024 * 1024

#: Of a longer stack the outermost of these, and as many of the innermost as there is room for.
OUTERMOST = 10

#: A frame and the line of it that ran.
Place = tuple[FrameType, int]

_STANDARD_LIBRARY = os.path.dirname(os.path.abspath(os.__file__)) + os.sep  # noqa: PTH120, PTH100
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def places_of(traceback: TracebackType | None) -> Iterator[Place]:
    """Yield the places that *traceback* leads through, the outermost first."""
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


def places_of_caller() -> list[Place]:
    """Return the places that led to this call, the outermost first, without this package's."""
    found: list[Place] = []
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the one way to see the caller
    while frame is not None:
        if not _is_ours(frame):
            found.append((frame, frame.f_lineno))
        frame = frame.f_back
    return found[::-1]


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith("asyncsdk.")


class Sources:
    """Read source lines for one call."""

    def __init__(self) -> None:
        # This is all that changes.
        self._left = MAX_READ_BYTES

    def lines(self, frame: FrameType) -> list[str]:
        """Return the lines of the file that a frame is in, or none if it cannot be had."""
        filename = frame.f_code.co_filename
        try:
            if filename not in linecache.cache and not self._may_read(filename):
                return []
            return linecache.getlines(filename, frame.f_globals)
        except Exception:  # noqa: BLE001 - a foreign loader may raise anything
            return []

    def _may_read(self, filename: str) -> bool:
        """Say whether it is no device, no pipe and not huge; a loader may know what is no file."""
        try:
            status = os.stat(filename)  # noqa: PTH116
        except OSError:
            return True
        if not stat.S_ISREG(status.st_mode) or status.st_size > min(MAX_SOURCE_BYTES, self._left):
            return False
        self._left -= status.st_size
        return True


def told(places: Sequence[Place], room: int, sources: Sources) -> list[dict[str, Any]]:
    """Return what is told of *places*, at most *room* of them."""
    if len(places) > room:
        first = min(OUTERMOST, room // 2)
        places = [*places[:first], *places[len(places) - (room - first) :]]
    return [_told_of(frame, line, sources) for frame, line in places]


def _told_of(frame: FrameType, line: int, sources: Sources) -> dict[str, Any]:
    code = frame.f_code
    module = frame.f_globals.get("__name__")
    module = module if isinstance(module, str) else None
    path = code.co_filename if _is_no_file(code) else os.path.abspath(code.co_filename)  # noqa: PTH100
    return {
        "platform": "python",
        "filename": _short(path, module),
        "abs_path": path,
        "function": code.co_name,
        "module": module,
        "lineno": line,
        **_around(line, sources.lines(frame)),
        "in_app": _is_in_app(path, module),
    }


def _is_no_file(code: CodeType) -> bool:
    """Say whether the code was made from a text: ``<string>``, ``<stdin>``."""
    return code.co_filename.startswith("<")


def _short(path: str, module: str | None) -> str:
    """Return *path* from where *module* is imported: ``shop/cart.py`` for ``shop.cart``."""
    depth = (module or "").count(".") + 1
    if depth > 1 and path.endswith(f"{os.sep}__init__.py"):
        depth += 1
    return "/".join(path.rsplit(os.sep, depth)[-depth:])


def _is_in_app(path: str, module: str | None) -> bool:
    """Say whether the code is the application's: neither Python's, nor installed, nor ours."""
    if path.startswith((_STANDARD_LIBRARY, "<frozen")) or (module or "").startswith("asyncsdk."):
        return False
    return not any(place in path for place in _INSTALLED)


def _around(line: int, lines: Sequence[str]) -> dict[str, Any]:
    """Return the source around *line*, or nothing if it is not among *lines*."""
    if not 1 <= line <= len(lines):
        return {}
    near = lines[max(line - 1 - AROUND, 0) : line + AROUND]
    cut = [text.rstrip("\r\n")[:MAX_LINE] for text in near]
    here = min(line - 1, AROUND)
    return {
        "pre_context": cut[:here],
        "context_line": cut[here],
        "post_context": cut[here + 1 :],
    }
