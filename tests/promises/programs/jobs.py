"""A program that hands its work to processes of `multiprocessing`.

    python jobs.py URL METHOD ENDING

METHOD is how they are started, ENDING how they leave their client: ``closes`` or ``forgets``.
The client is the module's: a process that is spawned makes its own, one that is forked inherits it.
With ``makes`` each job makes one more, and forgets it.
"""

import asyncio
import logging
import multiprocessing
import sys

from asyncsdk import AsyncAnalytics, RudderStack

logging.basicConfig(format="%(levelname)s %(message)s", level="WARNING")
logging.getLogger("asyncio").setLevel("ERROR")
url, METHOD, ENDING = sys.argv[1:]


def make() -> AsyncAnalytics:
    """Make a client."""
    return AsyncAnalytics(
        RudderStack("planted-key", url, name="there"), flush_interval=0, flush_at=100, exit_drain=30
    )


client = make()


def job(number: int) -> None:
    """Do one job, in a process of its own."""
    global client  # noqa: PLW0603 - it is the job's own from now on
    if ENDING == "makes":
        client = make()
    for one in range(10):
        client.track("job", user_id="u", properties={"n": 10 * number + one})
    if ENDING == "closes":
        asyncio.run(close())


async def close() -> None:
    """Deliver what waits."""
    await client.shutdown()


async def main() -> None:
    """Call, let the jobs be done beside, and call again."""
    async with client:
        for number in range(30):
            client.track("main", user_id="u", properties={"n": number})
        multiprocessing.set_start_method(METHOD)
        jobs = [multiprocessing.Process(target=job, args=(number,)) for number in range(3)]
        for one in jobs:
            one.start()
        for one in jobs:
            await asyncio.to_thread(one.join)
        client.track("main", user_id="u", properties={"n": 30})
        sys.stdout.write(f"{[one.exitcode for one in jobs]}\n")


if __name__ == "__main__":
    asyncio.run(main())
