"""A shop on FastAPI and uvicorn: some endpoints are plain functions and run in threads.

    python shop.py URL [lifespan] [signals] [CLIENTS]

Prints the port once it listens.
"""

import logging
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
import uvicorn
from fastapi import FastAPI

from asyncsdk import AsyncAnalytics, RudderStack

url, *words = sys.argv[1:]
logging.basicConfig(format="%(levelname)s %(message)s", level="WARNING")
logging.getLogger("asyncio").setLevel("ERROR")
clients = [
    AsyncAnalytics(
        RudderStack("planted-key", url, name=f"there-{number}"),
        flush_interval=0,
        exit_drain=30,
        handle_signals="signals" in words,
    )
    for number in range(3 if "three" in words else 1)
]


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Run the clients as long as the application."""
    async with AsyncExitStack() as stack:
        for client in clients:
            await stack.enter_async_context(client)
        yield


app = FastAPI(lifespan=lifespan if "lifespan" in words else None)


@app.get("/plain/{number}")
def plain(number: int) -> list[str]:
    """Be called in a thread of the pool."""
    return say("plain", number)


@app.get("/awaited/{number}")
async def awaited(number: int) -> list[str]:
    """Be called on the loop."""
    return say("awaited", number)


@app.get("/slow/{number}")
async def slow(number: int) -> list[str]:
    """Be at work when the signal comes."""
    say("begun", number)
    tell("at work")
    await anyio.sleep(0.3)
    return say("done", number)


def say(name: str, number: int) -> list[str]:
    """Track with every client; return the ids."""
    return [
        client.track(name, user_id="u", properties={"n": number}).message_id for client in clients
    ]


def tell(text: str) -> None:
    """Write a line for whoever started this."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until told to end."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        tell(f"port {door.getsockname()[1]} is it")
        uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[door])


if __name__ == "__main__":
    main()
