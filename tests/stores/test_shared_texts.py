"""Texts that the processes of a machine share, in a file."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from asyncsdk import ConfigurationError
from asyncsdk.mapping import Mapping, Remember, Stamp
from asyncsdk.stores import SharedTexts
from tests.mapping.events import event

IDENTIFY = {"settings": {"identify": {"map": {"traits": {"map": {"plan": "user.plan"}}}}}}
_OTHER = """
import sys
from asyncsdk.stores import SharedTexts
texts = SharedTexts(sys.argv[1])
texts["theirs"] = texts["mine"] + "!"
"""


def test_it_is_a_dict(tmp_path: Path) -> None:
    """What is written is there, in the order of writing, and can be forgotten."""
    texts = SharedTexts(tmp_path / "known.db")
    texts.update({"a": "1", "b": "2"})
    texts["a"] = "3"
    assert (dict(texts), list(texts), len(texts)) == ({"a": "3", "b": "2"}, ["b", "a"], 2)
    assert (texts.pop("a"), texts.get("a"), texts.pop("a", None)) == ("3", None, None)
    with pytest.raises(KeyError):
        del texts["a"]
    texts.close()


def test_another_process_sees_it(tmp_path: Path) -> None:
    """Also after a restart: the file stays."""
    file = tmp_path / "known.db"
    texts = SharedTexts(file)
    texts["mine"] = "x"
    subprocess.run([sys.executable, "-c", _OTHER, str(file)], check=True)
    assert texts["theirs"] == "x!"
    texts.close()
    again = SharedTexts(file)
    assert again["theirs"] == "x!"
    again.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_goes_on_with_it(tmp_path: Path) -> None:
    """gunicorn with preload: the child has a connection of its own."""
    texts = SharedTexts(tmp_path / "known.db")
    texts["parent"] = "1"
    child = os.fork()
    if child == 0:
        texts["child"] = texts["parent"]
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert dict(texts) == {"parent": "1", "child": "1"}
    texts.close()


def test_the_oldest_go(tmp_path: Path) -> None:
    """A file that only grows would fill the disk."""
    texts = SharedTexts(tmp_path / "known.db", limit=100)
    for number in range(2_000):
        texts[str(number)] = "x"
    assert len(texts) == 100
    assert next(iter(texts)) == "1900"
    texts.close()


def test_nothing_waits_for_another_process(tmp_path: Path) -> None:
    """A writer that hangs: reading goes on, and what is written meanwhile is left out."""
    file = tmp_path / "known.db"
    texts = SharedTexts(file)
    texts["a"] = "1"
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    texts["b"] = "2"
    assert dict(texts) == {"a": "1"}
    other.rollback()
    other.close()
    texts["b"] = "2"
    assert dict(texts) == {"a": "1", "b": "2"}
    texts.close()


def test_a_file_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """Told where it is made, by its name."""
    with pytest.raises(ConfigurationError, match=r"known\.db: cannot be opened"):
        SharedTexts(tmp_path / "nowhere" / "known.db")
    (tmp_path / "known.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        SharedTexts(tmp_path / "known.db")
    with pytest.raises(ConfigurationError, match="limit"):
        SharedTexts(tmp_path / "other.db", limit=0)


def test_a_user_is_identified_by_one_process_only(tmp_path: Path) -> None:
    """And not again after a restart: what was said is in the file."""
    texts = SharedTexts(tmp_path / "known.db")
    mapping = Mapping(IDENTIFY, remember=Remember(shared=texts))

    def kinds() -> list[str]:
        called = mapping.call(event(), mapping.memory(), Stamp("id", "now", 1.0))
        return [one.type for one in called.messages]

    assert [kinds(), kinds()] == [["identify", "track"], ["track"]]
    texts.close()
