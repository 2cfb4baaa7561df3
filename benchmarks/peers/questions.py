"""Questions: what is asked, and what makes an answer the best one. Pure.

Every answer has a text for people and one number. A question says whether more or less of that is
better, and by how much two numbers must differ to be different at all: timings of a shared machine
are not known to the millisecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

OURS = "asyncsdk"

#: Everybody, by the name that reports give them.
CLIENTS = (OURS, "rudder-sdk-python", "segment-analytics-python", "posthog", "AsyncPosthog")

#: Events of the questions about ends, as in an application's last moments.
EVENTS = 250
#: Seconds after which a shutdown is not waited for any longer.
LONGEST = 20.0
#: Most events in the queue, and calls, of the question about a full one.
QUEUE, CALLS = 100, 1_000
#: Seconds that the slow server takes.
SLOW = 1.0

#: The values of the question about values, by name; the programs make them.
VALUES = (
    "Decimal",
    "aware datetime",
    "naive datetime",
    "date",
    "time",
    "timedelta",
    "UUID",
    "set",
    "tuple",
    "bytes, not text",
    "dataclass",
    "Enum",
    "Path",
    "function",
    "2**80",
    "circular dict",
    "dict with an int key",
    "lone surrogate",
)


class Question(Struct, frozen=True, kw_only=True):
    """One row.

    Attributes:
        key: Its name in the JSON, and on the command line.
        asked: Its title.
        how: What exactly is done.
        wins: What makes the best answer, for people.
        best: Whether the most or the least of the number is.
        same: Numbers that differ by no more than this are the same.
        alone: Whether nothing else may run meanwhile, for the clock's sake.
        waits: Whether it takes long and does next to nothing, so that others may run meanwhile.
    """

    key: str
    asked: str
    how: str
    wins: str
    best: Literal["most", "least"]
    same: float = 0.0
    alone: bool = False
    waits: bool = False


class Answer(Struct, frozen=True, kw_only=True):
    """One cell.

    Attributes:
        key: The question.
        client: Who was asked.
        text: The answer, in a few words.
        value: Its number; None if there is none, which is never the best.
        more: Particulars that the table has no room for.
    """

    key: str
    client: str
    text: str
    value: float | None
    more: dict[str, str] = {}


_ONCE = "fewest events missing or repeated, and processes hanging"
_SOONEST = f"fewest seconds, given up after {LONGEST:.0f}; a tenth is no difference"

QUESTIONS = (
    Question(
        key="exit",
        asked="exit without a flush",
        how=f"{EVENTS} calls, then the program comes to its end",
        wins="most events arrived",
        best="most",
    ),
    Question(
        key="sigterm",
        asked="SIGTERM",
        how=f"{EVENTS} calls, 0.2 s, then the signal; nobody else has a handler",
        wins="most events arrived; a client's own option for signals is switched on",
        best="most",
    ),
    Question(
        key="fork",
        asked="fork",
        how="made, then forked; both processes track one event and flush",
        wins=_ONCE,
        best="least",
    ),
    Question(
        key="fork_queued",
        asked="fork, an event queued",
        how="the same with one event tracked before the fork",
        wins=_ONCE,
        best="least",
    ),
    Question(
        key="dead_10",
        asked="shutdown, dead host, 10 events",
        how="10 calls, then shutdown() at once; connections are refused",
        wins=_SOONEST,
        best="least",
        same=0.1,
        waits=True,
    ),
    Question(
        key="dead_300",
        asked="shutdown, dead host, 300 events",
        how="300 calls, then shutdown() at once; connections are refused",
        wins=_SOONEST,
        best="least",
        same=0.1,
        waits=True,
    ),
    Question(
        key="full",
        asked="full queue",
        how=f"{CALLS:,} calls into a queue of {QUEUE}, the server never answers; "
        "lines in the log, and what the last call returns",
        wins="fewest lines, of those who tell both the log and the caller",
        best="least",
    ),
    Question(
        key="stall",
        asked="loop stops during flush()",
        how=f"flush in a coroutine, the server takes {SLOW:.0f} s; the loop's longest gap, "
        "the median of three",
        wins="fewest milliseconds; 20 are no difference",
        best="least",
        same=20.0,
        alone=True,
    ),
    Question(
        key="nan",
        asked="NaN in one of 3 events",
        how="the second of three events of one batch has it",
        wins="most events in requests that are valid JSON",
        best="most",
    ),
    Question(
        key="naive",
        asked="a time without a zone",
        how="timestamp=datetime(2026, 1, 2, 3, 4, 5) in New York; the instant that arrives",
        wins="the log says so, or the instant that a clock there meant arrives, 08:04:05Z",
        best="most",
    ),
    Question(
        key="values",
        asked="values unknown to JSON",
        how=f"{len(VALUES)} of them, one in each event",
        wins="most values that arrived as something; a deleted key, null and an error are nothing",
        best="most",
    ),
)


def best(question: Question, answers: Sequence[Answer]) -> list[str]:
    """Return the clients whose answer to *question* nobody surpasses, in their order."""
    known = [one for one in answers if one.key == question.key and one.value is not None]
    values = [one.value for one in known if one.value is not None]
    if not values:
        return []
    if question.best == "most":
        limit = max(values) - question.same
        return [one.client for one in known if one.value is not None and one.value >= limit]
    limit = min(values) + question.same
    return [one.client for one in known if one.value is not None and one.value <= limit]


def surpassed(
    client: str, questions: Sequence[Question], answers: Sequence[Answer]
) -> list[Question]:
    """Return the questions to which somebody has a better answer than *client*."""
    return [question for question in questions if client not in best(question, answers)]


def alone_best(
    client: str, questions: Sequence[Question], answers: Sequence[Answer]
) -> list[Question]:
    """Return the questions to which nobody has as good an answer as *client*."""
    return [question for question in questions if best(question, answers) == [client]]
