"""Acting: one function for each thing that can be asked of a client.

An application with asyncio: calls are made in a coroutine, and clients that block do so there.
Whoever has measured something says it and leaves by `os._exit`: what an exit does is an act of
its own.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import datetime
from statistics import median
from typing import NoReturn

import msgspec

from benchmarks.peers.programs.task import READY, Client, Task, Told
from benchmarks.peers.programs.values import make_values

#: Seconds that a forked child gets; and those that follow a full queue, for a log that comes late.
_CHILD = 6.0
_AFTER_FULL = 0.3

#: Seconds between the last call and a signal: enough to send what does not wait for more events.
_BEFORE_END = 0.2

#: Seconds between two looks of the one who watches the loop.
_TICK = 0.002


def main() -> None:
    """Do what the command line says, with a log on stderr as an application has it."""
    logging.basicConfig(format="%(message)s", level="WARNING")
    task = msgspec.json.decode(sys.argv[1], type=Task)
    ACTS[task.act](task)


def make(task: Task) -> Client:
    """Make the client, whose module is imported here only."""
    client: Client = importlib.import_module(f"benchmarks.peers.programs.{task.client}").make(task)
    return client


def say_many(client: Client, count: int) -> None:
    """Make *count* calls in a row."""
    for number in range(count):
        client.say(f"Event {number}", {"number": number})


def ready() -> None:
    """Tell the parent that it comes now."""
    write(READY)


def write(line: str) -> None:
    """Say a line to the parent."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def leave(told: Told) -> NoReturn:
    """Tell what was found out, and end at once."""
    write(msgspec.json.encode(told).decode())
    os._exit(0)


def exit_normally(task: Task) -> None:
    """Make calls and come to the end of the program."""
    client = make(task)

    async def main() -> None:
        ready()
        say_many(client, task.events)

    asyncio.run(main())


def be_ended(task: Task) -> None:
    """Make calls and go on; the parent ends it soon."""
    client = make(task)

    async def main() -> None:
        say_many(client, task.events)
        await asyncio.sleep(_BEFORE_END)
        ready()
        await asyncio.sleep(60)

    asyncio.run(main())


def fork(task: Task) -> None:
    """Fork with the client made; both processes track one event and flush."""
    client = make(task)
    if task.queued:
        client.say("before", {})
    ready()
    child = os.fork()

    async def main() -> None:
        client.say("parent" if child else "child", {})
        await client.flush()

    asyncio.run(main())
    if not child:
        os._exit(0)
    leave(Told(hung=_hung(child)))


def _hung(child: int) -> int:
    """Wait for *child*; end it, and return 1, if it does not come to an end."""
    until = time.monotonic() + _CHILD
    while time.monotonic() < until:
        if os.waitpid(child, os.WNOHANG) != (0, 0):
            return 0
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 1


def shut_down(task: Task) -> None:
    """Make calls and shut down."""
    client = make(task)

    async def main() -> None:
        say_many(client, task.events)
        ready()
        began = time.monotonic()
        await client.shutdown()
        leave(Told(seconds=time.monotonic() - began))

    asyncio.run(main())


def overfill(task: Task) -> None:
    """Make more calls than the queue holds, and count what is said about it."""
    counter = Counter()
    logging.getLogger().addHandler(counter)
    client = make(task)

    async def main() -> None:
        ready()
        say_many(client, task.events - 1)
        returned = client.say("last", {})
        await asyncio.sleep(_AFTER_FULL)
        leave(Told(lines=counter.lines, tells=client.tells(returned)))

    asyncio.run(main())


class Counter(logging.Handler):
    """Count what a log at its usual level would show."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines = 0  # this is all that changes

    def emit(self, record: logging.LogRecord) -> None:
        """Count one record, line by line."""
        self.lines += len(self.format(record).splitlines())


def stall(task: Task) -> None:
    """Flush in a coroutine while somebody watches the loop, three times; tell the median."""
    client = make(task)

    async def main() -> None:
        watch = Watch()
        watching = asyncio.ensure_future(watch.run())
        say_many(client, 1)
        await client.flush()  # what is done only once is not asked for
        ready()
        stops: list[float] = []
        for _ in range(3):
            say_many(client, task.events)
            await asyncio.sleep(0.1)
            watch.longest = 0.0
            await client.flush()
            await asyncio.sleep(0.1)
            stops.append(watch.longest)
        watching.cancel()
        leave(Told(seconds=median(stops)))

    asyncio.run(main())


class Watch:
    """Look at the clock all the time; see when the loop did not come round."""

    def __init__(self) -> None:
        self.longest = 0.0  # seconds; this is all that changes

    async def run(self) -> None:
        """Watch until cancelled."""
        before = time.monotonic()
        while True:
            await asyncio.sleep(_TICK)
            now = time.monotonic()
            self.longest = max(self.longest, now - before - _TICK)
            before = now


def say_nan(task: Task) -> None:
    """Track NaN between two events that have none."""
    client = make(task)

    async def main() -> None:
        ready()
        for number in (1.0, float("nan"), 3.0):
            client.say("value", {"number": number})
        await client.flush()
        leave(Told())

    asyncio.run(main())


def say_naive(task: Task) -> None:
    """Track an event with a time that has no zone."""
    client = make(task)

    async def main() -> None:
        ready()
        client.say("then", {}, datetime(2026, 1, 2, 3, 4, 5))  # noqa: DTZ001 - what is asked
        await client.flush()
        leave(Told())

    asyncio.run(main())


def say_values(task: Task) -> None:
    """Track values that JSON does not know, one in each event."""
    client = make(task)
    raised: dict[str, str] = {}

    async def main() -> None:
        ready()
        for name, value in make_values().items():
            try:
                client.say(name, {"value": value})
                await client.flush()
            except Exception as error:  # noqa: BLE001 - that is an answer too
                raised[name] = type(error).__name__
        leave(Told(raised=raised))

    asyncio.run(main())


ACTS: dict[str, Callable[[Task], None]] = {
    act.__name__: act
    for act in (
        exit_normally,
        be_ended,
        fork,
        shut_down,
        overfill,
        stall,
        say_nan,
        say_naive,
        say_values,
    )
}

if __name__ == "__main__":
    main()
