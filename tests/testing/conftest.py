"""Every coroutine test of this folder runs in virtual time."""

import pytest

from asyncsdk.testing import VirtualTimeLoop


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Run on the loop whose clock jumps."""
    return "asyncio", {"loop_factory": VirtualTimeLoop}
