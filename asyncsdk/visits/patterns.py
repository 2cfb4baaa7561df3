"""Patterns: the template of a route that is a regular expression, or one of Django's paths. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

#: In one of Django's paths: what is filled in, perhaps with how it is read.
_FILLED = re.compile(r"(?<!\?P)<(?:\w+:)?(\w+)>")
#: What no plain path has.
_MARKS = re.compile(r"[\^$(\\[]")
_STEP = re.compile(
    r"""
    (?P<escaped> \\. )
    | (?P<set> \[ \]? (?: \\. | [^\]\\] )* \] )
    | (?P<open> \( (?: \?P<(?P<name>\w+)> | \?: )? )
    | (?P<close> \) )
    | (?P<repeated> [?*+] | \{\d*,?\d*\} )
    | (?P<end> [\^$] )
    | (?P<plain> . )
    """,
    re.VERBOSE | re.DOTALL,
)


@lru_cache(maxsize=512)
def template_of_pattern(pattern: str) -> str:
    """Return *pattern* with ``{name}`` for what is filled in, ``{}`` for groups without a name."""
    if not _MARKS.search(pattern):
        return _FILLED.sub(r"{\1}", pattern)
    found: list[str] = []
    depth = 0
    for step in _STEP.finditer(pattern):
        if not depth:
            found.append(_shown(step))
        if step["open"] is not None:
            depth += 1
        elif step["close"] is not None:
            depth = max(depth - 1, 0)
    return _FILLED.sub(r"{\1}", "".join(found))


def _shown(step: re.Match[str]) -> str:
    """Return what stands for one step of a pattern that is in no group."""
    escaped: str | None = step["escaped"]
    if step["open"] is not None:
        return f"{{{step['name'] or ''}}}"
    if step["set"] is not None or (escaped and escaped[1] in "dswDSW"):
        return "{}"
    if escaped is not None:
        return "" if escaped[1].isalnum() else escaped[1]
    return step["plain"] or ""
