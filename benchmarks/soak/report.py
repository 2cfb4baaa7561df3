"""Report: the findings as a table. Pure."""

from __future__ import annotations

from asyncsdk.cli.wording import RULE, Row, Tone, duration, size
from benchmarks.soak.rules import FEW, LEAST_SAMPLES, RISE, WARM_UP, Finding, warm
from benchmarks.soak.running import Soaked


def rows(found: Soaked) -> list[Row]:
    """Return the table."""
    rate = found.arrived.events / found.seconds if found.seconds > 0 else 0.0
    arrived = found.arrived
    thrown = sum(arrived.faults.values())
    return [
        Row("events", f"{found.events:,}", f"{rate:,.0f}/s, {duration(found.seconds)} in all"),
        Row("requests", f"{found.requests:,}", f"{found.retries:,} of them again"),
        Row("faults", f"{thrown:,}", _faults(found)),
        Row("repeats", f"{arrived.repeats:,}", "events that arrived again; their answer was lost"),
        Row("samples", f"{len(warm(found.samples)):,}", _sensitivity(found)),
        RULE,
        *(_row(finding) for finding in found.findings),
    ]


def _sensitivity(found: Soaked) -> str:
    """Say how little of each event a client could keep before the rule for memory breaks."""
    kept = warm(found.samples)
    settled = kept[-1].settled - kept[0].settled if kept else 0
    limits = [one.limit for one in found.findings if one.rule == "memory"]
    after = f"after the first {WARM_UP:.0%}"
    if not settled or not limits:
        return after
    return f"{after}; {limits[0] / settled:.1f} bytes kept of each event would break a rule"


def _faults(found: Soaked) -> str:
    faults = sorted(found.arrived.faults.items(), key=lambda pair: -pair[1])
    named = [f"{count:,} x {kind}" for kind, count in faults]
    return ", ".join([*named, f"{found.arrived.refused:,} x 400"])


def _row(finding: Finding) -> Row:
    tone: Tone = "good" if finding.holds else "bad"
    label = finding.rule if finding.holds else f"{finding.rule}: BROKEN"
    if finding.kind == "steady":
        level = _amount(finding.level or 0.0, finding.unit)
        return Row(label, level, _rise(finding), tone)
    note = f"at most {finding.limit:,.0f}" if finding.kind == "bound" else _wanted(finding)
    return Row(label, f"{finding.value:,.0f}", note, tone)


def _wanted(finding: Finding) -> str:
    if finding.holds:
        return ""
    if "samples" in finding.rule:
        return f"{LEAST_SAMPLES} are needed"
    return f"should be {finding.limit:,.0f}"


def _rise(finding: Finding) -> str:
    risen = f"{_amount(finding.value, finding.unit)}"
    if not finding.value:
        risen = "nothing"
    allowed = f"{RISE:.0%}" if finding.unit else f"{FEW:.0f}"
    part = f" ({finding.value / finding.level:+.1%})" if finding.unit and finding.level else ""
    return f"risen by {risen}{part}; {allowed} allowed"


def _amount(value: float, unit: str) -> str:
    return size(value) if unit == "bytes" else f"{value:,.0f}"


def verdict(found: Soaked) -> str:
    """Say in one sentence whether it held."""
    broken = [finding.rule for finding in found.findings if not finding.holds]
    if not found.in_time:
        broken.insert(0, "time")
    if broken:
        return f"  broken: {', '.join(broken)}."
    return "  every rule was kept: nothing gathers, nothing is lost."
