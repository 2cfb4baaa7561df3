"""Faults as text: `503,share=0.1`, `delay,seconds=0.2,start=1,until=3`. Pure.

A status stands for `status,status=…`; the other names are the fields of `Fault`.
"""

import math

import msgspec

from asyncsdk.collector.faults import Fault

_FIELDS = tuple(field.name for field in msgspec.structs.fields(Fault))

# What the demo's server does: enough at the start that the smallest run meets all of it, then by
# chance, and a slow phase.
STANDARD = (
    "503,times=3",
    "reset,times=1",
    "truncate,times=1",
    "503,share=0.12",
    "reset,share=0.04",
    "truncate,share=0.03",
    "delay,seconds=0.15,start=1,until=3",
)


def read_fault(text: str) -> Fault:
    """Read one fault.

    Raises:
        ValueError: It names no fault, or a field has a value with which it could not work.
    """
    kind, *pairs = [part.strip() for part in text.split(",")]
    fields = {"kind": kind}
    if kind.isascii() and kind.isdigit():
        fields = {"kind": "status", "status": kind}
    elif kind not in _WORDS:
        raise ValueError(f"{kind!r}: a status or one of {', '.join(_WORDS)} is needed")
    for pair in pairs:
        name, _, value = pair.partition("=")
        if name not in _FIELDS or not value:
            raise ValueError(f"{pair!r}: name=value is needed; names are {', '.join(_FIELDS)}")
        fields[name] = _truth(value) if name == "accept" else value
    try:
        return msgspec.convert(fields, Fault, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(f"{text!r}: {error}") from None


def _truth(value: str) -> str:
    return {"yes": "true", "no": "false"}.get(value, value)


def describe(fault: Fault) -> str:
    """Say in a few words what *fault* does and when, such as `503 (10 %)`."""
    when = ", ".join(_when(fault))
    return f"{_what(fault)} ({when})" if when else _what(fault)


def _what(fault: Fault) -> str:
    if fault.kind == "status":
        return str(fault.status)
    if fault.kind == "delay":
        return f"slow by {fault.seconds:g} s"
    if fault.kind == "max_body":
        return f"413 above {fault.bytes:,} bytes"
    if fault.kind in ("reject", "flag_errors"):
        of = "the events refused" if fault.kind == "reject" else "the flags failed"
        return f"{fault.part:.0%} of {of}".replace("%", " %")
    return _WORDS[fault.kind]


def _when(fault: Fault) -> list[str]:
    found: list[str] = []
    if fault.path:
        found.append(f"at {fault.path}")
    if fault.times is not None:
        found.append("once" if fault.times == 1 else f"{fault.times} times")
    if fault.share < 1.0:
        found.append(f"{fault.share:.0%}".replace("%", " %"))
    if fault.start or fault.until is not None:
        until = "" if fault.until is None else f" to {fault.until:g} s"
        found.append(f"from {fault.start:g} s{until}")
    if fault.kind == "hang" and fault.seconds < math.inf:
        found.append(f"for {fault.seconds:g} s")
    if fault.accept is not None:
        found.append("events taken" if fault.accept else "events forgotten")
    return found


_WORDS = {
    "delay": "slow answer",
    "drop": "connection closed",
    "drop_after_head": "answer cut after its head",
    "flag_errors": "flags failed",
    "hang": "no answer",
    "max_body": "413",
    "quota_limited": "flags over their quota",
    "reject": "events refused",
    "reset": "connection reset",
    "status": "error status",
    "truncate": "answer cut",
}


def word(kind: str) -> str:
    """Return the words for a kind of fault, as the collector notes it."""
    return _WORDS.get(kind, kind)
