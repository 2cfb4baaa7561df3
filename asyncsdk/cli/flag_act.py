"""The demo's second act: PostHog's flags decided for visitors, and their events captured."""

import math
import time
from random import Random

import anyio
import msgspec

from asyncsdk.cli.tallying import Act, percentile
from asyncsdk.client import AsyncAnalytics
from asyncsdk.client.settings import Options
from asyncsdk.destinations import PostHog

#: Calls of the first act for each visitor of the second; and the most visitors.
CALLS_PER_VISITOR, MOST_VISITORS = 50, 2_000

_PLANS = ("free", "plus", "pro")
_EVERYONE = {"properties": [], "rollout_percentage": 100}
_HALVES = [{"key": key, "rollout_percentage": 50} for key in ("classic", "short")]
_PRO = {"key": "plan", "type": "person", "value": ["pro"], "operator": "exact"}
_MEMBER = {"key": "id", "type": "cohort", "value": 7}


def _flag(number: int, key: str, group: object = _EVERYONE, **filters: object) -> dict[str, object]:
    return {
        "id": number,
        "key": key,
        "active": True,
        "version": 1,
        "filters": {"groups": [group], **filters},
    }


#: The shop's flags, as PostHog's API answers them. The last one is decided by a list of people
#: that only the server has.
DEFINITIONS = msgspec.json.encode(
    {
        "flags": [
            _flag(1, "checkout", multivariate={"variants": _HALVES}),
            _flag(2, "express", {"properties": [_PRO], "rollout_percentage": 100}),
            _flag(3, "gift-wrap", {"properties": [], "rollout_percentage": 25}),
            _flag(4, "beta", {"properties": [_MEMBER], "rollout_percentage": 100}),
        ],
        "group_type_mapping": {},
        "cohorts": {},
    }
)
_HERE = ("checkout", "express", "gift-wrap")
_ASKED_EVERY = 100  # visitors, for one whose `beta` is asked for


async def perform(url: str, visitors: int, *, seed: int, patience: float, options: Options) -> Act:
    """Let *visitors* read flags and view products at the server at *url*."""
    destination = PostHog("phc_demo", host=url, personal_api_key="phx_demo")
    async with AsyncAnalytics(destination, **options) as analytics:
        await analytics.flags.ready(patience)
        timings, asked, nobody = await _visit(analytics, visitors, Random(seed))
        with anyio.move_on_after(patience):
            while analytics.pending:
                # A flush ends early where a lane stands still.
                await analytics.flush(math.inf)
                await anyio.sleep(0.02)
    return Act(
        visitors=visitors,
        here=len(timings),
        asked=asked,
        nobody=nobody,
        p50=percentile(sorted(timings), 50),
        accepted=analytics.statistics().accepted,
    )


async def _visit(
    analytics: AsyncAnalytics, visitors: int, rng: Random
) -> tuple[list[int], int, int]:
    """Return how long each flag took that was decided here, and how many were not."""
    timings: list[int] = []
    asked = nobody = 0
    for number in range(visitors):
        who = f"visitor-{number}"
        facts = {"plan": rng.choice(_PLANS)}
        for key in _HERE:
            began = time.perf_counter_ns()
            value = await analytics.flags.get(key, who, person_properties=facts)
            timings.append(time.perf_counter_ns() - began)
            nobody += value is None
        if number % _ASKED_EVERY == 0:
            asked += 1
            nobody += await analytics.flags.get("beta", who, person_properties=facts) is None
        snapshot = await analytics.flags.snapshot(who, keys=_HERE, person_properties=facts)
        await analytics.capture("Product Viewed", who, {"price": 64.0}, flags=snapshot)
    return timings, asked, nobody
