"""The public surface: what `import asyncsdk` gives, and what it leaves alone."""

import inspect
import subprocess
import sys

import pytest

import asyncsdk

HEAVY = ("aiohttp", "isal", "opentelemetry", "redis", "uvloop")


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
    """`import asyncsdk` costs a start-up neither aiohttp nor an optional library."""
    code = f"import asyncsdk, sys; print(*sorted(sys.modules.keys() & {set(HEAVY)!r}))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (ended.stdout.strip(), ended.stderr) == ("", "")
