"""Tallying: what calls returned, against what the server has. Pure."""

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from asyncsdk.ledger import Statistics


class Tally(Struct, frozen=True, kw_only=True):
    """Say what became of events, counted by message id.

    Attributes:
        accepted: Calls that returned a receipt.
        delivered: Of these, at the server.
        dead: Of these, not at the server but readable as dead letters.
        lost: Of these, neither.
        duplicates: How often the server got one of these again.
        strangers: Ids at the server that no call returned.
    """

    accepted: int
    delivered: int
    dead: int
    lost: int
    duplicates: int
    strangers: int


def tally(ids: Sequence[str], arrived: Mapping[str, int], letters: Collection[str]) -> Tally:
    """Compare *ids*, one for each call, with what *arrived* how often.

    An id that two calls returned can stand for one event only: the other counts as lost.

    Args:
        ids: What the calls returned.
        arrived: How often the server got each id.
        letters: Ids of the dead letters.
    """
    ours = set(ids)
    delivered = ours & arrived.keys()
    dead = (ours & set(letters)) - delivered
    return Tally(
        accepted=len(ids),
        delivered=len(delivered),
        dead=len(dead),
        lost=len(ids) - len(delivered) - len(dead),
        duplicates=sum(arrived[one] - 1 for one in delivered),
        strangers=len(arrived.keys() - ours),
    )


def percentile(ordered: Sequence[int], percent: float) -> int:
    """Return the nearest-rank percentile of *ordered* numbers, smallest first; 0 without any."""
    if not ordered:
        return 0
    rank = -(-len(ordered) * percent // 100)
    return ordered[min(max(int(rank), 1), len(ordered)) - 1]


class Act(Struct, frozen=True, kw_only=True):
    """Say what became of PostHog's flags and events.

    Attributes:
        visitors: How many came.
        here: Flags that were decided in this process.
        asked: Flags that the server was asked for.
        nobody: Flags that nobody decided.
        p50: The median of a `flags.get()` that was decided here, in nanoseconds.
        accepted: Events, those that report a flag among them.
        arrived: Of these, at the server.
    """

    visitors: int
    here: int
    asked: int
    nobody: int
    p50: int
    accepted: int
    arrived: int = 0

    @property
    def lost(self) -> int:
        """Events that calls took and that are not at the server."""
        return self.accepted - self.arrived


class Shipment(Struct, frozen=True, kw_only=True):
    """Say what became of a file.

    Attributes:
        lines: Its lines, blank ones left out, as far as it was read.
        bad: Of these, no events.
        view: The client's counters at the end.
        seconds: From the first line to the last outcome.
        refusals: How many dead letters, by reason.
        trouble: Why it was not sent to its end; empty if it was.
    """

    lines: int
    bad: int
    view: Statistics
    seconds: float
    refusals: Mapping[str, int] = {}
    trouble: str = ""

    @property
    def exit_code(self) -> int:
        """0 if all is delivered, 3 if nothing could be, 2 for everything between."""
        view = self.view
        if not view.delivered and (view.accepted or (self.trouble and not self.bad)):
            return 3
        complete = view.delivered == view.accepted == self.lines
        return 0 if complete and not self.trouble else 2
