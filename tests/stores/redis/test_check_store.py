"""RedisStore keeps what every store promises, on each server that is promised."""

import pytest

from asyncsdk.seams import Store
from asyncsdk.stores.redis import RedisStore
from asyncsdk.testing import check_store
from tests.stores.redis.servers import Server


@pytest.mark.whole_way
@pytest.mark.parametrize("multi", [False, True], ids=["single", "multi"])
async def test_it_passes_the_kit(server: Server, multi: bool) -> None:  # noqa: FBT001 - pytest's
    """Alone, and as one of several."""

    def open_store(place: str) -> Store:
        """Make a store on a queue of this name."""
        return RedisStore(server.url, queue_name=place, multi_processor=multi)

    await check_store(open_store)
