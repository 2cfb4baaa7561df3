"""A framework that is not installed is named, with what installs it."""

import subprocess
import sys

HOSTS = ("django", "fastapi", "litestar", "starlette")

# Documented: importing a module that is None in sys.modules fails.
PROGRAM = """
import importlib, sys
for name in sys.argv[1:]:
    sys.modules[name] = None
    try:
        importlib.import_module(f"asyncsdk.integrations.{name}")
    except ImportError as error:
        print(error)
"""


def test_a_missing_framework_is_named_with_its_extra() -> None:
    """Whoever reads the error can act on it."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *HOSTS], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        f'asyncsdk: asyncsdk.integrations.{name} needs the "{name}" package: '
        f'pip install "asyncsdk[{name}]"'
        for name in HOSTS
    ]
    assert done.stderr == ""
