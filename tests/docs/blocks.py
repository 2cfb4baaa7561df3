"""Reads the fenced code blocks of a Markdown document: text in, blocks out."""

import re
from textwrap import dedent
from typing import NamedTuple

# An opening fence with its language, the text, and the fence that closes it at the same depth.
FENCED = re.compile(
    r"^(?P<indent>[ ]*)(?P<fence>`{3,})(?P<language>\w+)[^\n]*\n(?P<text>.*?)^(?P=indent)(?P=fence)[ ]*$",
    re.DOTALL | re.MULTILINE,
)
# On the line above the fence: <!-- not run: why -->
NOT_RUN = re.compile(r"<!-- not run: (?P<why>[^\n]+?) -->\s*$")


class Block(NamedTuple):
    """One fenced block."""

    language: str
    text: str
    line: int
    """Where its text begins in the document, counted from 1."""
    not_run: str
    """Why it must not be executed; empty for a block that is."""


def blocks(document: str) -> list[Block]:
    """Return the fenced blocks of *document* that name a language, in order."""
    found: list[Block] = []
    for match in FENCED.finditer(document):
        excuse = NOT_RUN.search(document[: match.start()])
        found.append(
            Block(
                language=match["language"].lower(),
                text=dedent(match["text"]),
                line=document.count("\n", 0, match.start()) + 2,
                not_run=excuse["why"] if excuse else "",
            )
        )
    return found
