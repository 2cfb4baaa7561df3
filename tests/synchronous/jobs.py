"""A program without a loop that hands work to processes of `multiprocessing`.

    python jobs.py URL METHOD

The client is the module's: a process that is spawned makes its own, one that is forked inherits it
with a thread that is not there. Nobody shuts down anything.
"""

import logging
import multiprocessing
import sys

from asyncsdk import RudderStack, SyncAnalytics

logging.basicConfig(format="%(levelname)s %(message)s", level="WARNING")
logging.getLogger("asyncio").setLevel("ERROR")
url, METHOD = sys.argv[1:]

client = SyncAnalytics(
    RudderStack("planted-key", url, name="there"), flush_interval=0, flush_at=100, exit_drain=30
)


def job(number: int) -> None:
    """Do one job, in a process of its own."""
    for one in range(50):
        client.track("job", user_id="u", properties={"n": 50 * number + one})


def main() -> None:
    """Call, let the jobs be done beside, and call again."""
    for number in range(150):
        client.track("main", user_id="u", properties={"n": number})
    multiprocessing.set_start_method(METHOD)
    jobs = [multiprocessing.Process(target=job, args=(number,)) for number in range(2)]
    for one in jobs:
        one.start()
    for one in jobs:
        one.join()
    client.track("main", user_id="u", properties={"n": 150})
    sys.stdout.write(f"{[one.exitcode for one in jobs]}\n")


if __name__ == "__main__":
    main()
