"""What happens when Redis is out for a while, under load? Nothing is lost, and nobody waits for it."""

import asyncio

from tests.promises.children import WHOLE_WAY
from tests.stores.redis.outing import OUTAGES, survive

pytestmark = WHOLE_WAY

#: More than Redis is given for an answer there.
_SECONDS = 0.7


async def test_an_outage_under_load_loses_nothing() -> None:
    """Each on a server of its own; `python -m tests.stores.redis.outing` makes long ones of them."""
    all_figures = await asyncio.gather(*(survive(one, _SECONDS, strict=False) for one in OUTAGES))
    for outage, figures in zip(OUTAGES, all_figures, strict=True):
        assert figures.is_right, (outage.__name__, figures)


async def test_with_strict_order_everything_waits_and_arrives_in_order() -> None:
    """What came twice was in flight."""
    hard = OUTAGES[:2]
    all_figures = await asyncio.gather(*(survive(one, _SECONDS, strict=True) for one in hard))
    for outage, figures in zip(hard, all_figures, strict=True):
        assert (figures.lost, figures.disorder) == (0, 0), (outage.__name__, figures)
