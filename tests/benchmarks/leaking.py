"""A soak of a client that does wrong as it is told to; run as a program by the tests."""

import asyncio
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from itertools import count

from asyncsdk import Message
from benchmarks.soak.__main__ import main

# Whatever was leaked stands here until the program ends.
kept: list[object] = []
calls = count(1)


def leak(message: Message) -> Message:
    """Keep every message, and now and then an open file and a task."""
    kept.append(message)
    if next(calls) % 500 == 0:
        kept.append(tempfile.TemporaryFile())  # noqa: SIM115 - never closed, on purpose
        with suppress(RuntimeError):  # a call from a thread
            kept.append(asyncio.get_running_loop().create_task(asyncio.sleep(60)))
    return message


def lose(message: Message) -> Message | None:
    """Let every thousandth event go."""
    return None if next(calls) % 1_000 == 0 else message


WRONGS: dict[str, Callable[[Message], Message | None]] = {"leak": leak, "lose": lose}

if __name__ == "__main__":
    sys.exit(main(sys.argv[2:], before_send=WRONGS[sys.argv[1]]))
