"""A Lambda container: it invokes its handler, says what is left, and is frozen until the next time.

    python container.py URL MODE INVOCATIONS

MODE says how the handler is made. In invocation 2 it fails, where failing is no matter of the mode.
"""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from asyncsdk import AsyncAnalytics, FlushResult, RudderStack
from asyncsdk.integrations.aws_lambda import lambda_handler

url, MODE, INVOCATIONS = sys.argv[1:]
logging.basicConfig(format="%(levelname)s %(message)s", level="WARNING")
logging.getLogger("asyncio").setLevel("ERROR")

analytics = AsyncAnalytics(
    RudderStack("planted-key", url, name="there"),
    flush_interval=0,
    flush_at=1000,
    retry_base=0.05,
    retry_cap=0.1,
    max_retries=1000,
    jitter=0.0,
    exit_drain=0.1,
)


class Context:
    """What a handler is told of its invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds that are left."""
        return 3000


Event = dict[str, Any]
Handler = Callable[[Event, Any], object]


def told(result: FlushResult) -> None:
    """Hear what was left."""
    say(f"told {result.pending};")


def work(event: Event) -> None:
    """Do the function's work; the second time it fails."""
    for number in range(5):
        analytics.track("Worked", user_id="u", properties={"n": 5 * event["number"] + number})
    if event["number"] == 1:
        raise ArithmeticError


wrap = lambda_handler(analytics, flush_budget=1.0, report=told)


@wrap
async def kept_async(event: Event, _context: Context) -> None:
    """Do it on the loop that is kept."""
    await asyncio.sleep(0.01)
    work(event)


@wrap
def kept_sync(event: Event, _context: Context) -> None:
    """Do it without a loop, but for the flush."""
    work(event)


def new_flush(event: Event, _context: Context) -> None:
    """Do it on a new loop, and flush by hand."""

    async def main() -> None:
        try:
            work(event)
        finally:
            await analytics.flush(1.0)

    asyncio.run(main())


def new_shutdown(event: Event, _context: Context) -> None:
    """Do it on a new loop, and shut down by hand."""

    async def main() -> None:
        try:
            work(event)
        finally:
            await analytics.shutdown(1.0)

    asyncio.run(main())


def mangum(*, lifespan: bool) -> Handler:
    """Make the handler of an application; it has a lifespan, or is wrapped."""
    from fastapi import FastAPI
    from mangum import Mangum

    @asynccontextmanager
    async def around(_app: FastAPI) -> AsyncIterator[None]:
        await analytics.start()
        yield
        await analytics.shutdown()

    app = FastAPI(lifespan=around)

    @app.post("/jobs/{number}")
    def endpoint(number: int) -> None:
        work({"number": number})

    adapter = Mangum(app, lifespan="auto" if lifespan else "off")
    handler: Handler = adapter if lifespan else wrap(adapter)

    def invoke(event: Event, context: Any) -> object:
        http = {"method": "POST", "path": f"/jobs/{event['number']}", "sourceIp": "192.0.2.1"}
        gateway = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": http["path"],
            "rawQueryString": "",
            "headers": {},
            "requestContext": {"http": http},
            "isBase64Encoded": False,
        }
        return handler(json.loads(json.dumps(gateway)), context)

    return invoke


def say(text: str) -> None:
    """Write for whoever started this."""
    os.write(sys.stdout.fileno(), text.encode())


def main() -> None:
    """Invoke, and be frozen, again and again."""
    plain: dict[str, Handler] = {
        "kept_async": kept_async,
        "kept_sync": kept_sync,
        "new_flush": new_flush,
        "new_shutdown": new_shutdown,
    }
    handler = plain.get(MODE) or mangum(lifespan=MODE == "mangum_lifespan")
    for number in range(int(INVOCATIONS)):
        try:
            handler({"number": number}, Context())
        except ArithmeticError:
            say("failed;")
        say(f"left {number} {analytics.pending};")
        os.kill(os.getpid(), signal.SIGSTOP)
        say(f"thawed {number};")
    os._exit(0)  # a container is not told of its end


if __name__ == "__main__":
    main()
