"""Letters: which are wanted, and how they are written. Pure."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from asyncsdk.cli.store_arguments import Wanted
from asyncsdk.cli.wording import reasons
from asyncsdk.seams import DeadLetter


def fits(letter: DeadLetter, wanted: Wanted) -> bool:
    """Say whether *letter* is one of those that are *wanted*."""
    return (
        wanted.destination in (None, letter.destination)
        and (not wanted.ids or letter.message_id in wanted.ids)
        and wanted.reason.lower() in letter.reason.lower()
        and (wanted.since is None or _time(letter.died_at) >= wanted.since)
    )


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:  # it is not of ours: nobody can say that it is old
        return datetime.max.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def line(letter: DeadLetter) -> str:
    """Write *letter* in one line, without its event."""
    status = "-" if letter.status is None else str(letter.status)
    words = (letter.died_at, letter.destination, letter.message_id, letter.state, status)
    return plain("  ".join([*words, letter.reason or "no answer"]))


def paragraph(letter: DeadLetter) -> list[str]:
    """Write all of *letter*, its event as indented JSON."""
    facts = {
        "destination": letter.destination,
        "state": letter.state,
        "reason": letter.reason or "no answer",
        "status": "none" if letter.status is None else str(letter.status),
        "attempts": str(letter.attempts),
        "called": letter.first_at,
        "given up": letter.died_at,
        "request": f"{letter.key}, of {letter.among:,} events, {letter.route}",
    }
    width = max(map(len, facts)) + 2
    told = [f"  {name.ljust(width)}{plain(text)}" for name, text in facts.items()]
    event = msgspec.json.format(letter.data + b"}", indent=2).decode(errors="replace")
    shown = "\n".join(plain(one) for one in event.splitlines())
    return [plain(letter.message_id), *told, *textwrap.indent(shown, "  ").splitlines(), ""]


def record(letter: DeadLetter) -> bytes:
    """Write all of *letter* as one JSON object, in one line."""
    facts: dict[str, object] = {
        name: getattr(letter, name) for name in letter.__struct_fields__ if name != "data"
    }
    facts["event"] = msgspec.Raw(letter.data + b"}")
    return msgspec.json.encode(facts) + b"\n"


def summary(letters: Sequence[DeadLetter]) -> str:
    """Say how many there are, and why."""
    if not letters:
        return "no dead letters"
    why = Counter(letter.reason or "no answer" for letter in letters)
    return plain(f"{count(len(letters))}: {reasons(why, most=5)}")


def count(number: int) -> str:
    """Write how many letters."""
    return f"{number:,} dead letter{'' if number == 1 else 's'}"


def plain(text: str) -> str:
    """Return *text* without what a terminal would act on."""
    return "".join(one if one.isprintable() else "�" for one in text)
