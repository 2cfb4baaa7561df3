"""Load: visitors of a shop, so many requests a second, whatever the answers take.

Each connection has a timetable. An answer that is late does not put off the next request's due time,
and a request's time counts from when it was due: a server that stalls is not spared.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from msgspec import Struct

CONNECTIONS = 20
#: Seconds after which a request without an answer is given up.
_PATIENCE = 20.0

_HEAD = (
    "POST /shops/{shop}/orders?utm_source=mail&utm_campaign=spring HTTP/1.1\r\n"
    "Host: shop.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
    "Accept: application/json\r\n"
    "Accept-Language: de-DE,de;q=0.8,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "Referer: https://shop.example.com/cart?step=2\r\n"
    "X-Request-Id: {number}-of-{shop}\r\n"
    "Cookie: session=0123456789abcdef; visitor=visitor-{number}\r\n"
    "Content-Type: application/json\r\n"
    "Content-Length: {length}\r\n\r\n"
)


class Visits(Struct):
    """What became of the requests: seconds that each answered one took from when it was due."""

    times: list[float] = []
    refused: int = 0


def request(shop: int, number: int) -> bytes:
    """Return one request: an order of three items."""
    items = [{"sku": f"sku-{one}", "quantity": one, "price": 9.95 * one} for one in (1, 2, 3)]
    order = {"order_id": f"o-{shop}-{number}", "user_id": f"u-{number}", "currency": "EUR"}
    body = json.dumps({**order, "items": items}).encode()
    return _HEAD.format(shop=shop, number=number, length=len(body)).encode() + body


async def warm_up(port: int, count: int) -> Visits:
    """Ask on several connections in a row, without a timetable."""
    return await _all(port, lambda _: [0.0] * (count // CONNECTIONS))


async def visit(port: int, *, rate: int, seconds: float) -> Visits:
    """Ask *rate* times a second for *seconds*."""
    return await _all(port, lambda one: _timetable(one, rate, seconds))


async def visit_to_the_end(port: int, *, rate: int, end: Callable[[], Awaitable[None]]) -> Visits:
    """Ask *rate* times a second, after one second call *end*, and go on until nobody answers."""
    async with asyncio.TaskGroup() as group:
        visiting = group.create_task(_all(port, lambda one: _timetable(one, rate, 10.0)))
        await asyncio.sleep(1.0)
        await end()
    return visiting.result()


async def _all(port: int, due: Callable[[int], list[float]]) -> Visits:
    visits = Visits()
    async with asyncio.TaskGroup() as group:
        for one in range(CONNECTIONS):
            group.create_task(_visit(visits, port, one, due(one)))
    return visits


def _timetable(one: int, rate: int, seconds: float) -> list[float]:
    pause = CONNECTIONS / rate
    return [(place + one / CONNECTIONS) * pause for place in range(int(seconds / pause))]


async def _visit(visits: Visits, port: int, shop: int, due: list[float]) -> None:
    """Ask when it is due, on one connection, until it is closed."""
    clock = asyncio.get_running_loop().time
    began = clock()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(due[-1] + _PATIENCE):
            for number, when in enumerate(due):
                await asyncio.sleep(max(began + when - clock(), 0.0))
                writer.write(request(shop, number))
                if not await _answer(reader):
                    visits.refused += 1
                visits.times.append(clock() - began - when)
    except (OSError, asyncio.IncompleteReadError):
        return  # the server has ended
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> bool:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    await reader.readexactly(length)
    return head.startswith(b"http/1.1 200")
