"""Folding: what is compressed in memory comes out as it went in."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsdk.wire.folding import MOST_OF_A_SAMPLE, Fold, find_fold, fold_zlib, unfold
from asyncsdk.wire.gzip import ISAL_IN_LOOP, ZLIB_IN_LOOP

FOLDS = (fold_zlib, find_fold()[0])


@given(st.sampled_from(FOLDS), st.binary(max_size=2_000), st.binary(max_size=200))
def test_what_was_folded_comes_back(fold: Fold, data: bytes, sample: bytes) -> None:
    """By isal or by zlib, whatever the sample; one of nothing too."""
    assert unfold(fold(data, sample), sample) == data


@pytest.mark.parametrize("fold", FOLDS)
def test_a_sample_saves_a_fifth_and_more(fold: Fold) -> None:
    """Twenty events alone are too few to learn from, for there is little that they repeat."""
    events = [
        b'{"type":"track","userId":"%010x","event":"Product Viewed","properties":{"price":%d.%d},'
        b'"context":{"locale":"de-DE","app":{"name":"shop"}},"messageId":"%032x"'
        % (number * 7919, number % 83, number % 97, number**5)
        for number in range(40)
    ]
    sample, data = b"".join(events[:20])[:MOST_OF_A_SAMPLE], b"".join(events[20:])
    assert len(fold(data, sample)) < 0.8 * len(fold(data, b""))


def test_without_isal_zlib_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is slower, so it may do less in one step of the loop."""
    assert find_fold()[1] == ISAL_IN_LOOP
    monkeypatch.setitem(sys.modules, "isal", None)
    assert find_fold() == (fold_zlib, ZLIB_IN_LOOP)
