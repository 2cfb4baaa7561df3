"""A server that loads its application before it forks its workers, as gunicorn's preload does.

    python preload.py URL LOOP ENDING

ENDING says how the workers leave their client: ``closes`` or ``forgets``. On SIGTERM the master
ends its workers, then itself; worker and master leave by ``sys.exit``.
"""

import asyncio
import logging
import os
import signal
import sys
import time
from types import FrameType

from asyncsdk import AsyncAnalytics, RudderStack

url, LOOP, ENDING = sys.argv[1:]
logging.basicConfig(format="%(levelname)s %(message)s", level="WARNING")
logging.getLogger("asyncio").setLevel("ERROR")

# The application, loaded once: its client is made here, and is already called.
client = AsyncAnalytics(
    RudderStack("planted-key", url, name="there"), flush_interval=0, flush_at=100, exit_drain=30
)
for number in range(50):
    client.track("master", user_id="u", properties={"n": number})


async def serve(worker: int) -> None:
    """Serve a while, then until told to stop."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    for number in range(200):
        client.track(f"worker {worker}", user_id="u", properties={"n": number})
        if number % 10 == 0:
            await asyncio.sleep(0.001)
    tell("serving")
    await stop.wait()
    if ENDING == "closes":
        await client.shutdown()


def new_loop() -> asyncio.AbstractEventLoop:
    """Make a loop of the kind that was asked for."""
    if LOOP == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def tell(text: str) -> None:
    """Write a line for whoever started this."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def fork(worker: int) -> int:
    """Start a worker; return its process id."""
    child = os.fork()
    if child == 0:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(serve(worker))
        sys.exit(0)
    return child


def end(_number: int, _frame: FrameType | None) -> None:
    """Be told to end."""
    raise SystemExit


def main() -> None:
    """Watch over the workers."""
    workers = [fork(worker) for worker in range(3)]
    signal.signal(signal.SIGTERM, end)
    try:
        tell("watching")
        time.sleep(60)
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGTERM)
        codes = [os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) for worker in workers]
        tell(f"{codes}")


if __name__ == "__main__":
    main()
