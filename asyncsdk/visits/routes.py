"""Routes: from a path, and what a router made of it, to the template of the route."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

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
    """Put names in place of the segments that are a parameter's value."""
    if not parameters:
        return path
    names = {str(value): name for name, value in reversed(list(parameters.items()))}
    for value, name in names.items():
        if "/" in value and path.endswith(value):
            path = f"{path.removesuffix(value)}{{{name}}}"
    return "/".join(f"{{{names[part]}}}" if part in names else part for part in path.split("/"))
