"""The demo's server: a collector in a process of its own, so that it costs the client nothing.

It says its address in one line, works until its stdin ends, then writes what arrived and ends. So
it cannot outlive the demo: when that is killed, the pipe ends too.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence

import msgspec

from asyncsdk.cli.faults import read_fault
from asyncsdk.cli.flag_act import DEFINITIONS
from asyncsdk.cli.reading import read_some
from asyncsdk.collector import Collector


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what the server got.

    Attributes:
        ids: How often each message id was accepted, by RudderStack's rules.
        posthog: The same by PostHog's.
        faults: How often it did what on purpose: a status, or a kind of fault.
        refused: Requests that it refused by its own rules.
        requests: Requests in all.
    """

    ids: dict[str, int]
    posthog: dict[str, int]
    faults: dict[str, int]
    refused: int
    requests: int


async def serve(faults: Sequence[str]) -> Arrived:
    """Run the collector until stdin ends and return what arrived."""
    script = [read_fault(text) for text in faults]
    async with Collector(faults=script, keep_events=1, flag_definitions=DEFINITIONS) as collector:
        sys.stdout.write(collector.url + "\n")
        sys.stdout.flush()
        while await read_some(0):
            pass
        await collector.stop()
    thrown: Counter[str] = Counter()
    refused = 0
    for request in collector.requests:
        if request.fault:
            thrown[str(request.status) if request.fault == "status" else request.fault] += 1
        elif request.status not in (200, 304):
            refused += 1
    return Arrived(
        ids=dict(collector.message_ids("rudderstack")),
        posthog=dict(collector.message_ids("posthog")),
        faults=dict(thrown),
        refused=refused,
        requests=collector.summary().requests,
    )


def main() -> None:
    """Serve, and write what arrived as JSON."""
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(serve(sys.argv[1:]))))


if __name__ == "__main__":
    main()
