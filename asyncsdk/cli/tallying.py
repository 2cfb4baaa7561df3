"""Tallying: what calls returned, against what the server has. Pure."""

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct


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
