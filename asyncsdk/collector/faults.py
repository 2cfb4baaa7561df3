"""Faults as values, and the choice among them.

A fault stands in front of the server, like a broken proxy: it is chosen before keys and events are
looked at. Choosing is pure: elapsed time and size come in with each request, chance as a function.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from asyncsdk.collector.answers import Answer

Kind = Literal[
    "status",
    "reject",
    "delay",
    "hang",
    "drop",
    "drop_after_head",
    "reset",
    "truncate",
    "max_body",
    "quota_limited",
    "flag_errors",
]

# Of these the server has done its work before the answer is lost or late.
_TAKING: frozenset[Kind] = frozenset(
    {"reject", "delay", "drop_after_head", "truncate", "quota_limited", "flag_errors"}
)

#: What befalls the answers to PostHog's flags, and no other request.
OF_FLAGS: frozenset[Kind] = frozenset({"quota_limited", "flag_errors"})

#: Faults that the answer itself tells: the request is answered by the rules.
WITHIN_ANSWER: frozenset[Kind] = frozenset({"reject", *OF_FLAGS})


class Fault(Struct, frozen=True, kw_only=True):
    """Says what goes wrong, how often, and when.

    What each kind does, and whether the events of the request are taken:

    | kind | effect | events taken |
    |---|---|---|
    | `status` | answer `status` with `body` and `retry_after` | no |
    | `reject` | answer 202, but refuse a `part` of the events, each with the error `body` | the rest |
    | `delay` | take the request at once, answer `seconds` later; adds up with other faults | yes |
    | `hang` | no answer for `seconds` (default: until the collector stops), then close | no |
    | `drop` | close the connection before any byte of an answer | no |
    | `drop_after_head` | send the answer's head, then close: the answer is lost | yes |
    | `reset` | reset the connection (RST) before any byte of an answer | no |
    | `truncate` | announce more bytes than are sent, then close | yes |
    | `max_body` | 413 for bodies over `bytes` (after inflation) | no |
    | `quota_limited` | answer `/flags/` with `quotaLimited` and without flags | none |
    | `flag_errors` | answer `/flags/` with `errorsWhileComputingFlags`, a `part` of them failed | none |

    A status without a `body` has the words of the system it came from. `reject` is for GetFluxly's
    batches, the only ones that are answered event by event: others it lets through. Its `body` is a
    code, `validation_error` unless given. `quota_limited` and `flag_errors` are for PostHog's
    `/flags/` and `/decide`; other requests neither feel nor count them.

    `drop_after_head` and `truncate` make duplicates possible, on purpose: the sender cannot know
    that its events arrived. `accept` overrides the last column: `accept=True` with `hang` is a
    server that works and never answers; `accept=False` with `delay` one that says yes and forgets.

    `path` is how the path of a request ends that is hit (`/flags/definitions`), `share` the part
    of the requests that is hit (drawn from the collector's seed, as is the `part` of the events or
    flags), `times` a number of requests after which the fault is spent, `start` and `until` a
    window in seconds since the script was set.

    Raises:
        ValueError: A field has a value with which the fault could not work.
    """

    kind: Kind
    status: int = 503
    body: str | None = None
    seconds: float = math.inf
    retry_after: str | float | None = None
    share: float = 1.0
    part: float = 1.0
    times: int | None = None
    start: float = 0.0
    until: float | None = None
    bytes: int = 0
    path: str = ""
    accept: bool | None = None

    def __post_init__(self) -> None:
        if not (self.seconds >= 0 and (self.kind != "delay" or math.isfinite(self.seconds))):
            raise ValueError(f"Fault {self.kind}: seconds is {self.seconds}; give a finite number")
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"Fault {self.kind}: share is {self.share}; give 0.0 to 1.0")
        if not 0.0 <= self.part <= 1.0:
            raise ValueError(f"Fault {self.kind}: part is {self.part}; give 0.0 to 1.0")
        if self.kind == "max_body" and self.bytes <= 0:
            raise ValueError("Fault max_body: bytes is not set; give the largest body allowed")
        if not 200 <= self.status <= 599:
            raise ValueError(f"Fault {self.kind}: status is {self.status}; give 200 to 599")

    @property
    def takes_events(self) -> bool:
        """Say whether the events of a request that is hit are taken."""
        return self.kind in _TAKING if self.accept is None else self.accept


class Plan(Struct, frozen=True, kw_only=True):
    """Says what happens to one request: a delay in seconds, one fault, or nothing."""

    delay: float = 0.0
    fault: Fault | None = None
    accept: bool = True

    @property
    def kind(self) -> str:
        """Name the fault; `delay` if there is only that, empty if there is none."""
        if self.fault is not None:
            return self.fault.kind
        return "delay" if self.delay else ""


_NOTHING = Plan()


class Script:
    """Chooses among faults, in their order; holds how often each was used."""

    def __init__(self, faults: Sequence[Fault], *, draw: Callable[[], float]) -> None:
        """Take over *faults*; *draw* returns a number from 0.0 up to, not including, 1.0."""
        self.faults: tuple[Fault, ...] = tuple(faults)
        self._draw = draw
        # All that changes: how many requests each fault has hit.
        self._hits = [0] * len(self.faults)

    def choose(self, *, elapsed: float, size: int, path: str = "", flags: bool = False) -> Plan:
        """Say what happens to a request of *size* bytes, *elapsed* seconds into the script.

        *flags* says whether it asks for flags. The first fault that applies is taken; delays add up with it wherever they stand.
        """
        if not self.faults:
            return _NOTHING
        chosen: Fault | None = None
        delays: list[Fault] = []
        for index, fault in enumerate(self.faults):
            if fault.kind != "delay" and chosen is not None:
                continue
            if not (_concerns(fault, path, flags=flags) and self._applies(index, elapsed, size)):
                continue
            self._hits[index] += 1
            if fault.kind == "delay":
                delays.append(fault)
            else:
                chosen = fault
        return _plan(chosen, delays)

    def spoil(self, plan: Plan) -> str:
        """Say with which error the next good event is refused, empty if it is taken."""
        fault = plan.fault
        if (
            fault is None
            or fault.kind not in ("reject", "flag_errors")
            or self._draw() >= fault.part
        ):
            return ""
        return fault.body or "validation_error"

    def _applies(self, index: int, elapsed: float, size: int) -> bool:
        fault = self.faults[index]
        if elapsed < fault.start or (fault.until is not None and elapsed >= fault.until):
            return False
        if fault.times is not None and self._hits[index] >= fault.times:
            return False
        if fault.kind == "max_body" and size <= fault.bytes:
            return False
        # Chance last: one draw per fault that could apply keeps a seed's story readable.
        return fault.share >= 1.0 or self._draw() < fault.share


def _concerns(fault: Fault, path: str, *, flags: bool) -> bool:
    """Say whether *fault* is one for requests to *path*."""
    if fault.kind in OF_FLAGS and not flags:
        return False
    return not fault.path or path.rstrip("/").endswith(fault.path.rstrip("/"))


def _plan(chosen: Fault | None, delays: Sequence[Fault]) -> Plan:
    if chosen is not None:
        accept = chosen.takes_events
    else:
        accept = all(fault.takes_events for fault in delays)
    return Plan(delay=sum(fault.seconds for fault in delays), fault=chosen, accept=accept)


def faulted_answer(fault: Fault, words: Callable[[int], Answer]) -> Answer:
    """Build the answer of a `status` or `max_body` fault; *words* are the system's for a status."""
    status = 413 if fault.kind == "max_body" else fault.status
    headers = {} if fault.retry_after is None else {"Retry-After": _seconds(fault.retry_after)}
    if fault.body is not None:
        return Answer(status=status, text=fault.body, headers=headers)
    answer = words(status)
    return msgspec.structs.replace(answer, headers={**answer.headers, **headers})


def _seconds(retry_after: str | float) -> str:
    return retry_after if isinstance(retry_after, str) else f"{retry_after:g}"
