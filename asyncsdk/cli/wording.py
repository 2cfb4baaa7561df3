"""Wording: numbers, progress lines and tables as text. Pure."""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from asyncsdk.cli.tallying import Act, Shipment, Tally

Tone = Literal["", "good", "bad", "quiet", "strong"]

_CODES: Mapping[Tone, str] = {"good": "32;1", "bad": "31;1", "quiet": "2", "strong": "1"}
_GAP = "   "
_SHORTEST_BAR, _LONGEST_BAR = 6, 24


class Row(Struct, frozen=True):
    """One line of a table: what, how much, and a remark; no label and no value is a rule."""

    label: str
    value: str
    note: str = ""
    tone: Tone = ""


RULE = Row("", "")


class Reading(Struct, frozen=True, kw_only=True):
    """What a progress line tells.

    Attributes:
        seconds: Since the start.
        settled: Events with a final outcome.
        waiting: Events without one.
        retries: Requests sent again.
        share: The part that is done, 0 to 1; None if nobody knows.
        bad: Lines that were no events.
        pause: Why nothing moves at the moment; empty if it does.
    """

    seconds: float
    settled: int = 0
    waiting: int = 0
    retries: int = 0
    share: float | None = None
    bad: int = 0
    pause: str = ""


def tinted(text: str, tone: Tone) -> str:
    """Return *text* in the terminal's colours."""
    return f"\x1b[{_CODES[tone]}m{text}\x1b[0m" if tone else text


def duration(seconds: float) -> str:
    """Write a time as people say it."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{seconds:.1f} s"


def micros(nanoseconds: int) -> str:
    """Write a short time in microseconds, a longer one in milliseconds."""
    if nanoseconds < 1_000_000:
        return f"{nanoseconds / 1000:,.1f} µs"
    return f"{nanoseconds / 1_000_000:,.1f} ms"


def size(count: float) -> str:
    """Write bytes in thousands, or millions."""
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"


def progress(now: Reading, before: Reading, *, room: int = 0) -> str:
    """Put the state into one line; the rate is that since *before*.

    Args:
        now: The state.
        before: An earlier one.
        room: Columns of the terminal; what is left over becomes a bar. 0 for none.
    """
    passed = now.seconds - before.seconds
    rate = (now.settled - before.settled) / passed if passed > 0 else 0.0
    parts = [
        f"{now.settled:>9,} done",
        f"{now.waiting:>7,} waiting",
        f"{now.retries:>4,} retries",
        f"{rate:>8,.0f}/s",
    ]
    if now.bad:
        parts.append(f"{now.bad:,} bad lines")
    if now.pause:
        parts.append(now.pause)
    line = "  ".join(parts)
    if now.share is None:
        return line
    percent = f"{int(now.share * 100):3d} %"
    return f"{percent}  {_bar(now.share, room - len(percent) - len(line) - 4)}{line}"


def _bar(share: float, room: int) -> str:
    if room < _SHORTEST_BAR:
        return ""
    length = min(room, _LONGEST_BAR)
    full = int(min(max(share, 0.0), 1.0) * length)
    return "█" * full + "░" * (length - full) + "  "


def table(rows: Sequence[Row], *, colour: bool) -> list[str]:
    """Align *rows*: labels to the left, values to the right, remarks behind."""
    left = max((len(row.label) for row in rows), default=0)
    right = max((len(row.value) for row in rows), default=0)
    return [_line(row, left, right, colour=colour) for row in rows]


def _line(row: Row, left: int, right: int, *, colour: bool) -> str:
    if row == RULE:
        return "  " + "─" * (left + len(_GAP) + right)
    label, value = row.label.ljust(left), row.value.rjust(right)
    note = _GAP + row.note if row.note else ""
    if colour:
        label, value = tinted(label, row.tone), tinted(value, row.tone)
        note = tinted(note, "quiet") if note else ""
    return f"  {label}{_GAP}{value}{note}".rstrip()


class Run(Struct, frozen=True, kw_only=True):
    """What one demo brought about.

    Attributes:
        tally: What became of the events.
        seconds: From the first call to the last outcome.
        retries: Requests sent again.
        refusals: How many dead letters, by reason.
        p50: The median of `track()`, in nanoseconds.
        p99: Its 99th percentile.
        peak_bytes: The most memory that the process held; None if the system does not say.
        early: Whether Ctrl-C ended it.
        act: What became of flags and PostHog's events; None if there was no such act.
    """

    tally: Tally
    seconds: float
    retries: int
    refusals: Mapping[str, int]
    p50: int
    p99: int
    peak_bytes: int | None
    early: bool
    act: Act | None = None


def demo_rows(run: Run) -> list[Row]:
    """Return the demo's table."""
    found = run.tally
    rate = found.delivered / run.seconds if run.seconds > 0 else 0.0
    rows = [
        Row("accepted", f"{found.accepted:,}", "calls that returned a receipt"),
        Row("delivered", f"{found.delivered:,}", "of these, at the server"),
        Row("retried", f"{run.retries:,}", "requests sent again"),
        Row("dead letters", f"{found.dead:,}", reasons(run.refusals)),
        _lost(run),
        Row("duplicates", f"{found.duplicates:,}", _duplicates(found.duplicates)),
    ]
    if found.strangers:
        rows.append(Row("strangers", f"{found.strangers:,}", "ids that no call returned", "bad"))
    peak = "unknown" if run.peak_bytes is None else size(run.peak_bytes)
    return [
        *rows,
        RULE,
        Row("events/s", f"{rate:,.0f}", f"{duration(run.seconds)} in all"),
        Row("track() p50", micros(run.p50)),
        Row("track() p99", micros(run.p99)),
        Row("peak memory", peak, "of this process; the server has its own"),
        *([] if run.act is None else _act_rows(run.act)),
    ]


def _act_rows(act: Act) -> list[Row]:
    decided = f"{act.here:,} here, {act.asked:,} by the server, for {act.visitors:,} visitors"
    rows = [
        RULE,
        Row("PostHog flags", f"{act.here + act.asked:,}", decided),
        Row("flags.get() p50", micros(act.p50), "decided here and reported"),
        Row(
            "PostHog events",
            f"{act.arrived:,} of {act.accepted:,}",
            "at the server, those that report a flag among them",
            "bad" if act.lost else "good",
        ),
    ]
    if act.nobody:
        rows.append(Row("undecided", f"{act.nobody:,}", "flags: the server failed just then"))
    return rows


def verdict(found: Tally) -> str:
    """Say in one sentence whether anything was lost."""
    if found.lost:
        return f"lost {found.lost:,} of {found.accepted:,}: calls took them, the server has not."
    dead = " or a dead letter with its reason" if found.dead else ""
    return f"lost 0 of {found.accepted:,}: every event is at the server{dead}."


def _lost(run: Run) -> Row:
    value = f"{run.tally.lost:,}"
    if run.early:
        return Row("not sent", value, "still queued when stopped", "strong")
    if run.tally.lost:
        return Row("lost", value, "neither at the server nor a dead letter", "bad")
    return Row("lost", value, "counted by message id at the server", "good")


def _duplicates(count: int) -> str:
    return "the answer was lost, not the events; same ids" if count else ""


def ship_rows(shipment: Shipment) -> list[Row]:
    """Return the table of a file that was sent."""
    view = shipment.view
    rate = view.delivered / shipment.seconds if shipment.seconds > 0 else 0.0
    rows = [
        Row("lines", f"{shipment.lines:,}", "blank ones left out"),
        _counted("bad lines", shipment.bad, "no events; not sent"),
        Row("delivered", f"{view.delivered:,}", "", "good"),
        _counted("rejected", view.rejected, reasons(shipment.refusals)),
        _counted("dead letters", view.dead, "" if view.rejected else reasons(shipment.refusals)),
    ]
    if view.dropped:
        rows.append(_counted("not sent", view.dropped, "still queued at the end"))
    return [
        *rows,
        RULE,
        Row("retried", f"{view.retries:,}", f"of {view.requests:,} requests"),
        Row("events/s", f"{rate:,.0f}", f"{duration(shipment.seconds)} in all"),
        Row("sent", size(view.bytes_sent), "on the wire"),
    ]


def _counted(label: str, count: int, note: str) -> Row:
    return Row(label, f"{count:,}", note if count else "", "bad" if count else "")


def reasons(refusals: Mapping[str, int], *, most: int = 2) -> str:
    """Name the *most* frequent reasons, the first one first."""
    ordered = sorted(refusals.items(), key=lambda pair: -pair[1])
    named = [f"{count:,} x {reason}" if len(ordered) > 1 else reason for reason, count in ordered]
    more = f"; and {len(named) - most} more" if len(named) > most else ""
    return "; ".join(named[:most]) + more


def listed(head: str, items: Sequence[str], *, width: int = 88) -> list[str]:
    """Return *items* behind *head*, in as many aligned lines as they need."""
    lines = [head]
    for item in items:
        if len(lines[-1]) > len(head) and len(lines[-1]) + len(item) + 3 > width:
            lines.append(" " * len(head))
        joint = " · " if len(lines[-1]) > len(head) else ""
        lines[-1] += joint + item
    return lines
