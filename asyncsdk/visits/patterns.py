"""Patterns: the template of a route that is a regular expression, or one of Django's paths. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

#: In one of Django's paths: what is filled in, perhaps with how it is read.
_FILLED = re.compile(r"(?<!\?P)<(?:\w+:)?(\w+)>")
#: What no plain path has.
_MARKS = re.compile(r"[\^$(\\]")
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
        kind, text = step.lastgroup, step[0]
        if step["open"] is not None:
            if not depth:
                found.append(f"{{{step['name'] or ''}}}")
            depth += 1
        elif kind == "close":
            depth = max(depth - 1, 0)
        elif not depth and kind == "plain":
            found.append(text)
        elif not depth and kind == "escaped" and not text[1].isalnum():
            found.append(text[1])
    return _FILLED.sub(r"{\1}", "".join(found))
