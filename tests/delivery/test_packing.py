"""Bodies as gzip: right by every compressor, in the loop only while that is quick."""

import gzip
import json
import sys
import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsdk.delivery import packing
from asyncsdk.delivery.packing import Packer
from asyncsdk.wire.gzip import ISAL_IN_LOOP, ZLIB_IN_LOOP, find_gzip, gzip_zlib

BODY = json.dumps({"batch": [{"event": f"Item {n}", "userId": f"u-{n}"} for n in range(200)]})


@given(st.binary(max_size=5_000))
def test_zlib_packs_what_inflates_to_the_same(body: bytes) -> None:
    """Any bytes, empty ones too."""
    assert gzip.decompress(gzip_zlib(body)) == body


@given(st.binary(max_size=5_000))
def test_the_best_compressor_packs_what_inflates_to_the_same(body: bytes) -> None:
    """Isal where it is installed."""
    best, _ = find_gzip()
    assert gzip.decompress(best(body)) == body


def test_isal_is_used_when_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may do more in the loop; without it, zlib does."""
    pytest.importorskip("isal")
    assert find_gzip()[1] == ISAL_IN_LOOP
    monkeypatch.setitem(sys.modules, "isal", None)
    assert find_gzip() == (gzip_zlib, ZLIB_IN_LOOP)


def test_the_same_body_packs_to_the_same_bytes() -> None:
    """No clock in the header: what is repeated is repeated byte for byte."""
    best, _ = find_gzip()
    for press in (best, gzip_zlib):
        assert press(BODY.encode()) == press(BODY.encode())
        assert len(press(BODY.encode())) < len(BODY) / 4


def watch(seen: list[threading.Thread]) -> Callable[[bytes], bytes]:
    """Return a compressor that notes its thread."""

    def press(body: bytes) -> bytes:
        seen.append(threading.current_thread())
        return gzip_zlib(body)

    return press


@pytest.mark.parametrize(
    ("size", "in_loop", "here"),
    [(1_000, False, True), (1_001, False, False), (50_000, False, False), (50_000, True, True)],
)
async def test_a_large_body_goes_to_a_thread(
    monkeypatch: pytest.MonkeyPatch, *, size: int, in_loop: bool, here: bool
) -> None:
    """Up to the limit in the loop, beyond it not; at the interpreter's exit always in the loop."""
    seen: list[threading.Thread] = []
    monkeypatch.setattr(packing, "find_gzip", lambda: (watch(seen), 1_000))
    body = b"x" * size
    packed = await Packer(in_loop=in_loop).gzip(body)
    assert gzip.decompress(packed) == body
    assert (seen == [threading.main_thread()]) is here
