"""Faults as words on a command line."""

import pytest

from asyncsdk.cli.faults import STANDARD, describe, read_fault, word
from asyncsdk.collector import Fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("503", Fault(kind="status", status=503)),
        ("429,retry_after=2", Fault(kind="status", status=429, retry_after="2")),
        ("status,status=502,share=0.5", Fault(kind="status", status=502, share=0.5)),
        ("reset,times=3", Fault(kind="reset", times=3)),
        (
            "delay,seconds=0.2,start=1,until=3.5",
            Fault(kind="delay", seconds=0.2, start=1.0, until=3.5),
        ),
        ("delay, seconds=0, accept=no", Fault(kind="delay", seconds=0.0, accept=False)),
        ("hang,accept=yes", Fault(kind="hang", accept=True)),
        ("max_body,bytes=5000", Fault(kind="max_body", bytes=5000)),
        ("reject,part=0.3,share=0.5", Fault(kind="reject", part=0.3, share=0.5)),
    ],
)
def test_a_fault_can_be_written_in_one_word(text: str, fault: Fault) -> None:
    """Whatever the collector can do, the command line can ask for."""
    assert read_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "a status or one of"),
        ("explode", "'explode': a status or one of delay, drop"),
        ("999", "give 200 to 599"),
        ("503,share", "'share': name=value is needed"),
        ("503,colour=red", "names are kind, status, body"),
        ("503,share=often", "Expected `float`"),
        ("503,share=2", "give 0.0 to 1.0"),
        ("delay", "give a finite number"),
        ("reset,accept=perhaps", "Expected `bool"),
    ],
)
def test_a_fault_that_cannot_work_is_named(text: str, complaint: str) -> None:
    """A person who mistypes learns what is possible."""
    with pytest.raises(ValueError, match=r"needed|Expected|give") as caught:
        read_fault(text)
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("503,times=3", "503 (3 times)"),
        ("reset,times=1", "connection reset (once)"),
        ("truncate,share=0.03", "answer cut (3 %)"),
        ("delay,seconds=0.15,start=1,until=3", "slow by 0.15 s (from 1 s to 3 s)"),
        ("drop,start=2", "connection closed (from 2 s)"),
        ("hang,seconds=4", "no answer (for 4 s)"),
        ("hang,accept=yes", "no answer (events taken)"),
        ("delay,seconds=0,accept=no", "slow by 0 s (events forgotten)"),
        ("max_body,bytes=5000", "413 above 5,000 bytes"),
        ("reject,part=0.3,share=0.5", "30 % of the events refused (50 %)"),
        ("drop_after_head", "answer cut after its head"),
        ("flag_errors,part=0.5", "50 % of the flags failed"),
        ("quota_limited,times=1", "flags over their quota (once)"),
        ("402,path=/flags/definitions", "402 (at /flags/definitions)"),
    ],
)
def test_a_fault_is_described_in_a_few_words(text: str, words: str) -> None:
    """The demo says what its server will do."""
    assert describe(read_fault(text)) == words


def test_the_standard_script_has_all_that_the_demo_promises() -> None:
    """503s, resets, cut answers, a slow phase; the first of each without chance."""
    script = [read_fault(text) for text in STANDARD]
    assert {fault.kind for fault in script} == {"status", "reset", "truncate", "delay"}
    certain = {fault.kind for fault in script if fault.times}
    assert certain == {"status", "reset", "truncate"}
    assert all(fault.until for fault in script if fault.kind == "delay")


def test_a_kind_without_words_names_itself() -> None:
    """Statuses are counted under their own number."""
    assert (word("reset"), word("503")) == ("connection reset", "503")
