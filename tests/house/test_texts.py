"""What must not stand in a committed text: places of one machine, hosts of one registry."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOT_OURS = {"__pycache__", "build", "dist", "node_modules", "venv"}

# Written in parts, so that this file does not find itself.
FORBIDDEN = re.compile(
    r"(?<![\w.])/(?:wor[k]/|roo[t]/|tm[p]/dev\b)"
    r"|\b(?:pyp[i]\.org|pythonhoste[d]\.org|npmj[s]\.(?:org|com)|anacond[a]\.org|crate[s]\.io)\b"
)


def committed() -> Iterator[Path]:
    """Yield the files that are or would be committed; without git, all but caches."""
    git = ["git", "-C", str(ROOT), "ls-files", "-z", "-co", "--exclude-standard"]
    try:
        listed = subprocess.run(git, capture_output=True, check=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        for path in ROOT.rglob("*"):
            parts = path.relative_to(ROOT).parts
            hidden = any(part.startswith(".") and part != ".ci" for part in parts[:-1])
            if path.is_file() and not hidden and NOT_OURS.isdisjoint(parts):
                yield path
    else:
        yield from (ROOT / name for name in listed.split("\0") if (ROOT / name).is_file())


def test_no_text_names_a_machine_or_a_registry() -> None:
    """What is committed works on any machine, with whatever index that machine uses."""
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in committed()
        for match in FORBIDDEN.finditer(path.read_bytes().decode("utf-8", "ignore"))
    ]
    assert found == []


@pytest.mark.parametrize("text", ["cd /wor" + "k/main", "'/roo" + "t/x'", "https://pyp" + "i.org"])
def test_the_search_finds_what_it_should(text: str) -> None:
    """A search that finds nothing proves nothing until it has found something."""
    assert FORBIDDEN.search(text)


@pytest.mark.parametrize("text", ["network/main", "docs/wor" + "k/plan", "https://example.com/a"])
def test_the_search_leaves_ordinary_words_alone(text: str) -> None:
    """Paths inside the project may use the same words."""
    assert not FORBIDDEN.search(text)
