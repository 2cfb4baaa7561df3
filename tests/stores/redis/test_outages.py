"""What happens when Redis is out for a while, under load? Nothing is lost, and nobody waits for it."""

import pytest

from tests.promises.children import WHOLE_WAY
from tests.stores.redis.outing import OUTAGES, Outage, survive

pytestmark = WHOLE_WAY

#: More than Redis is given for an answer there.
_SECONDS = 0.7


@pytest.mark.parametrize("outage", OUTAGES, ids=lambda one: one.__name__)
async def test_an_outage_under_load_loses_nothing(outage: Outage) -> None:
    """A moment of many: `python -m tests.stores.redis.outing` makes as many as one likes."""
    figures = await survive(outage, _SECONDS, strict=False)
    assert figures.is_right, figures


@pytest.mark.parametrize("outage", OUTAGES[:2], ids=lambda one: one.__name__)
async def test_with_strict_order_everything_waits_and_arrives_in_order(outage: Outage) -> None:
    """What came twice was in flight."""
    figures = await survive(outage, _SECONDS, strict=True)
    assert (figures.lost, figures.disorder) == (0, 0), figures
