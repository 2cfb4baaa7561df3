"""The public surface: what `import asyncsdk` gives, and what it leaves alone."""

import inspect
import subprocess
import sys

import pytest

import asyncsdk

HEAVY = {"aiohttp", "anyio", "isal", "opentelemetry", "redis", "sqlite3", "uvloop"}
#: A millisecond each: loaded by whoever needs them.
NOT_AT_ONCE = {"dataclasses", "email.utils", "hashlib", "ipaddress", "random", "urllib.parse"}


def test_the_names_are_sorted_and_exist() -> None:
    """`__all__` is the list of public names: in order, once each, all there."""
    assert list(asyncsdk.__all__) == sorted(set(asyncsdk.__all__))
    assert [name for name in asyncsdk.__all__ if not hasattr(asyncsdk, name)] == []


@pytest.mark.parametrize("name", sorted(set(asyncsdk.__all__) - {"__version__"}))
def test_a_public_name_explains_itself(name: str) -> None:
    """Every public class and function has a docstring of its own, not its parent's."""
    public = getattr(asyncsdk, name)
    if inspect.isclass(public) or inspect.isroutine(public):
        assert (public.__doc__ or "").strip()


def test_importing_loads_nothing_heavy() -> None:
    """`import asyncsdk` costs a start-up neither aiohttp, nor SQLite, nor an optional library."""
    assert not loaded_by("import asyncsdk", after="import sys") & HEAVY


def test_importing_costs_an_asyncio_program_little() -> None:
    """What a client may never need waits until it does: ten milliseconds of a cold start."""
    after = "import sys, asyncio, msgspec"
    assert not loaded_by("import asyncsdk", after=after) & NOT_AT_ONCE
    systems = {f"asyncsdk.destinations.{name.lower()}" for name in asyncsdk.destinations.SYSTEMS}
    assert loaded_by("from asyncsdk import Segment", after=after) & systems == {
        "asyncsdk.destinations.segment"
    }


def loaded_by(code: str, *, after: str) -> set[str]:
    """Return the modules that *code* loads in a fresh interpreter that has run *after*."""
    program = f"{after}; before = set(sys.modules); {code}; print(*sys.modules.keys() - before)"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stderr == ""
    return set(ended.stdout.split())


def test_destinations_and_stores_are_found_by_name_and_by_completion() -> None:
    """They are loaded with their first use, and nobody sees the difference."""
    assert set(asyncsdk.__all__) <= set(dir(asyncsdk))
    assert set(asyncsdk.destinations.__all__) <= set(dir(asyncsdk.destinations))
    assert asyncsdk.Segment is asyncsdk.destinations.Segment
    assert asyncsdk.SQLiteStore is asyncsdk.stores.SQLiteStore
    assert set(asyncsdk.stores.__all__) <= set(dir(asyncsdk.stores))
    for room in (asyncsdk, asyncsdk.destinations, asyncsdk.stores):
        with pytest.raises(AttributeError, match="has no attribute 'Nobody'"):
            _ = room.Nobody
