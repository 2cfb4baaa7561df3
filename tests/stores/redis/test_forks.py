"""What happens when a process forks that has a queue in Redis? The child has connections of its own."""

from asyncsdk.collector import Collector
from tests.promises.children import WHOLE_WAY, numbers, run
from tests.stores.redis.servers import Server
from tests.stores.redis.using import new_queue

pytestmark = WHOLE_WAY


async def test_a_forked_child_stands_by_and_its_parent_delivers(server_7: Server) -> None:
    """Nothing of the child goes over the parent's connection; every event arrives once."""
    source = f"""
        from asyncsdk.stores import RedisStore
        store = RedisStore({server_7.url!r}, queue_name={new_queue()!r}, timeout=10.0)
        client = make(store=store, flush_interval=0.01)

        async def in_child():
            for receipt in [track(client, n) for n in range(100, 110)]:
                await receipt.stored()
            await client.shutdown()

        async def main():
            await track(client, 0).delivered()
            child = os.fork()
            if not child:  # the loop is its parent's: it leaves by os._exit
                try:
                    run(in_child())
                finally:
                    os._exit(0)
            for n in range(1, 100):
                track(client, n)
            await asyncio.to_thread(os.waitpid, child, 0)
            while client.statistics().delivered < 110:
                await asyncio.sleep(0.05)
            await client.shutdown()

        run(main())
    """
    async with Collector() as collector:
        ended = await run(source, collector.url)
    assert ended.code == 0, ended.said
    assert "standing by" in ended.said
    assert sorted(numbers(collector.events)) == list(range(110)), ended.said
