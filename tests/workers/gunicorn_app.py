"""Applications that gunicorn loads before it forks its workers (--preload), with and without a loop.

python -m gunicorn --preload -k uvicorn_worker.UvicornWorker tests.workers.gunicorn_app:asgi
python -m gunicorn --preload tests.workers.gunicorn_app:wsgi
"""

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from fastapi import FastAPI

from asyncsdk import AsyncAnalytics, RudderStack, SyncAnalytics

destination = RudderStack("planted-key", os.environ["SHOP_URL"], name="there")
one = AsyncAnalytics(destination, flush_interval=0, flush_at=100, exit_drain=30)
other = SyncAnalytics(destination, flush_interval=0, flush_at=100, exit_drain=30)
# In the master, before the workers are forked.
if sys.argv[-1].endswith("asgi"):
    one.track("Loaded", anonymous_id="shop")
else:
    other.track("Loaded", anonymous_id="shop")


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Start with the worker, and drain at its end."""
    await one.start()
    yield
    await one.shutdown()


asgi = FastAPI(lifespan=lifespan)


@asgi.get("/{number}")
def view(number: int) -> int:
    """Serve one request, and say who did."""
    one.track("Viewed", user_id="u", properties={"n": number})
    return os.getpid()


def wsgi(
    environ: dict[str, str], start: Callable[[str, list[tuple[str, str]]], object]
) -> Iterable[bytes]:
    """Serve one request without a loop; nobody shuts down anything."""
    other.track("Viewed", user_id="u", properties={"n": int(environ["PATH_INFO"][1:])})
    start("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
