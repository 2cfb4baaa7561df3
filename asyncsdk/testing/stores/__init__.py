"""The conformance kit of stores: the promises of the seam, asked of one kind of store.

what it is      says what it survives; what it keeps is counted, lane by lane
batches         in order, whole, once: appended, leased, given back, recovered, settled
letters         kept with the step that made them, listed, taken into hand, put back, forgotten
afterwards      a store that outlives its process has all of it again once it is opened anew

It needs no pytest and no chance. It asks of two stores on one place, one after the other, never at
the same time.
"""

from __future__ import annotations

from collections.abc import Callable

from asyncsdk.seams import Store
from asyncsdk.testing.stores.afterwards import AFTERWARDS
from asyncsdk.testing.stores.batches import BATCHES
from asyncsdk.testing.stores.leases import LEASES
from asyncsdk.testing.stores.letters import LETTERS
from asyncsdk.testing.stores.subject import Check, Subject, opened

__all__ = ["check_store"]

_EVERY: tuple[Check, ...] = (*BATCHES, *LEASES, *LETTERS)


async def check_store(open_store: Callable[[str], Store]) -> None:
    """Check that the stores that *open_store* makes keep the promises of their seam.

    Args:
        open_store: Makes a store for a place of this name. Two names are two places that share
            nothing; for the same name again, once the first store was closed, it makes one on the
            same place. Places are new: the names are other ones on each call.

    Raises:
        AssertionError: A promise is broken; it says which, and with what.
    """
    subject = Subject(open_store)
    async with opened(subject) as store:
        outlives = store.durability != "memory"
    for check in _EVERY:
        async with opened(subject) as store:
            await check(store)
    for check_again in AFTERWARDS if outlives else ():
        await check_again(subject)
