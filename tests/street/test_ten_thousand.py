"""Ten thousand events to GetFluxly, through a server that does all that it may do."""

from __future__ import annotations

import pytest

from asyncsdk import AsyncAnalytics, GetFluxly, State
from asyncsdk.collector import Collector, Fault
from tests.street.replying import TOKEN, hurried, in_order
from tests.street.walking import letters, numbers

pytestmark = pytest.mark.whole_way

COUNT = 10_000
FAULTS = (
    Fault(kind="status", status=503, share=0.05),
    # In both the events are taken and the answer is lost; the latter is repeated within an attempt.
    Fault(kind="drop_after_head", share=0.02),
    Fault(kind="drop", accept=True, share=0.02),
    Fault(kind="reject", part=0.01),
)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_what_was_not_rejected_was_taken_exactly_once(seed: int) -> None:
    """Rejections hit the events that they name, and the key keeps repeats from counting twice."""
    async with Collector(faults=FAULTS, seed=seed) as server:
        destination = GetFluxly(TOKEN, api_host=server.url)
        async with AsyncAnalytics(
            destination, **hurried(max_queue_events=20_000, flush_at=50, max_retries=10)
        ) as client:
            receipts = [
                await client.track("step", user_id="u-1", properties={"n": number})
                for number in range(COUNT)
            ]
            result = await client.flush(timeout=60)
            now = client.statistics()
            dead = await letters(client)

        taken = {event.message_id for event in server.events}
        refused = {one.message_id for one in receipts if one.state is State.REJECTED}
        assert (result.pending, now.delivered + now.rejected) == (0, COUNT)
        assert in_order(client)
        assert 50 < now.rejected == len(refused) < 160
        assert taken == {one.message_id for one in receipts} - refused
        assert {letter.message_id for letter in dead} == refused

        counts = server.summary()
        assert (len(server.events), counts.duplicates) == (now.delivered, 0)
        assert now.retries > counts.by_status["503"] > 0
        assert counts.repeats > now.retries - counts.by_status["503"], "no answer was lost"
        assert numbers(server.events) == sorted(numbers(server.events))
