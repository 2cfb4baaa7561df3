"""Routes: from a path, and what a router made of it, to the template of the route."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from uuid import UUID

_NAMES = re.compile(r"{(\w+)[^}]*}")


def template_of(path: str, parameters: Mapping[str, object], tail: str | None = None) -> str:
    """Return *path* with names in place of what was filled in: ``/shops/{shop}/items/{item}``.

    Args:
        path: The whole path that was asked for.
        parameters: What the router found in it.
        tail: The innermost route's own template; what stands before it are mounts and prefixes,
            whose parameters are found by their values.
    """
    if tail is None:
        return _with_names(path, parameters)
    names, plain, slashes = _read(tail)
    if not parameters.keys() >= names:
        return _with_names(path, parameters)
    if path.count("/") == slashes:
        return plain  # nothing stands before it, and nothing that was filled in has slashes
    slashes += sum(str(parameters[name]).count("/") for name in names)
    head = path.rsplit("/", slashes)[0]
    outside = {name: value for name, value in parameters.items() if name not in names}
    return _with_names(head, outside) + plain


@lru_cache(maxsize=512)
def _read(tail: str) -> tuple[frozenset[str], str, int]:
    """Return a template's names, itself without what says how they are read, and its slashes."""
    plain = _NAMES.sub(r"{\1}", tail)
    return frozenset(_NAMES.findall(tail)), plain, plain.count("/")


def _with_names(path: str, parameters: Mapping[str, object]) -> str:
    """Put each name in place of the last segment that may be its value, in their order."""
    parts = path.split("/")
    end = len(parts)
    for name, value in reversed(list(parameters.items())):
        width = str(value).count("/") + 1
        for at in range(end - width, 0, -1):
            if _may_be("/".join(parts[at : at + width]), value):
                parts[at : at + width] = [f"{{{name}}}"]
                end = at
                break
    return "/".join(parts)


def _may_be(text: str, value: object) -> bool:
    """Say whether a router made *value* of *text*: 7 of 007, a UUID of one in capitals."""
    if text == str(value):
        return True
    if type(value) is UUID:
        return text.lower() == str(value)
    if type(value) is not int and type(value) is not float:
        return False
    try:
        return float(text) == value
    except ValueError:
        return False
