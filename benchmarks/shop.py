"""A shop's walkerOS events, the mapping of 20 rules that they go through, and what comes of them.

Most events are the small ones of browsing; one in eight is a cart or an order with its products.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from random import Random
from typing import Any, NamedTuple

#: Events made beforehand and used in turns, each time with an id and a time of its own.
POOL = 2_000

Event = dict[str, Any]

_PRODUCT = {
    "map": {
        "product_id": "data.id",
        "name": "data.name",
        "price": "data.price",
        "currency": {"key": "data.currency", "value": "EUR"},
        "list": "globals.list",
    }
}
_ITEMS = {"loop": ["nested", {"map": {"product_id": "data.id", "price": "data.price"}}]}
_PAGE = {"map": {"title": "data.title", "url": "data.url", "referrer": "data.referrer"}}
_LARGE = {"key": "data.total", "operator": "gt", "value": "10000"}
_ORDER = {"map": {"order_id": "data.id", "total": "data.total", "products": _ITEMS}}
_SEEN = ("view", "click", "hover", "share", "save", "compare")

#: Twenty rules, as a configuration of the walkerOS RudderStack destination.
CONFIG: dict[str, Any] = {
    "settings": {"userId": "user.id", "anonymousId": "user.session"},
    "mapping": {
        "product": {action: {"name": f"Product {action}", "data": _PRODUCT} for action in _SEEN},
        "page": {action: {"data": _PAGE} for action in ("view", "read", "leave", "print")},
        "search": {"submit": {"data": {"map": {"term": "data.term", "hits": "data.hits"}}}},
        "cart": {
            "view": {"data": {"map": {"total": "data.total", "products": _ITEMS}}},
            "add": {"name": "Product Added", "data": _PRODUCT},
            "remove": {"name": "Product Removed", "data": _PRODUCT},
        },
        "order": {
            "complete": [
                {"condition": _LARGE, "name": "Large Order Completed", "data": _ORDER},
                {"name": "Order Completed", "data": _ORDER},
            ],
            "cancel": {"name": "Order Cancelled", "data": {"map": {"order_id": "data.id"}}},
        },
        "form": {"submit": {"data": {"map": {"form": "data.id"}}}},
        "*": {"error": {"data": {"map": {"code": "data.code"}}}, "*": {"data": {"map": {}}}},
    },
}


class Tracked(NamedTuple):
    """The arguments of the `track` call that says what an event leads to."""

    event: str
    user_id: str | None
    anonymous_id: str
    properties: dict[str, Any]


def events(count: int) -> Iterator[Event]:
    """Return *count* events; all of them have ids and times of their own."""
    draw = Random(20261121)
    pool = [_event(draw) for _ in range(POOL)]
    for number, event in enumerate(islice(cycle(pool), count)):
        yield {**event, "id": f"{number:016x}", "timestamp": 1_790_000_000_000 + 3 * number}


def _event(draw: Random) -> Event:
    kind = draw.choices(("product", "page", "search", "cart", "order"), (40, 35, 12, 7, 6))[0]
    actions = [action for action in CONFIG["mapping"][kind] if action != "cancel"]
    action = draw.choice(actions)
    return {
        "name": f"{kind} {action}",
        "entity": kind,
        "action": action,
        "data": _DATA[kind](draw),
        "context": {"shopping": ["detail", 0]},
        "globals": {"list": draw.choice(("search", "home", "mail")), "lang": "de"},
        "user": {"id": f"{draw.getrandbits(40):010x}", "session": f"{draw.getrandbits(48):012x}"},
        "nested": [_nested(draw) for _ in range(draw.randrange(1, 4))] if "r" in kind[1:] else [],
        "consent": {"functional": True},
        "trigger": "load",
        "timing": round(draw.uniform(0.0, 60.0), 2),
        "source": {"type": "browser", "count": 1, "schema": "4"},
    }


def _product(draw: Random) -> Event:
    return {
        "id": f"{draw.getrandbits(36):09x}",
        "name": f"{draw.choice(('Merino', 'Linen', 'Denim'))} {draw.choice(('sweater', 'cap'))}",
        "price": round(draw.uniform(1.0, 400.0), 2),
        "color": draw.choice(("black", "red")),
    }


def _nested(draw: Random) -> Event:
    return {"entity": "product", "data": _product(draw)}


def _page(draw: Random) -> Event:
    path = f"/{draw.choice(('sale', 'new', 'help'))}/{draw.getrandbits(20):05x}"
    return {"title": f"Shop {path}", "url": f"https://shop.example{path}", "referrer": ""}


def _search(draw: Random) -> Event:
    return {"term": draw.choice(("wool", "cap", "gift")), "hits": draw.randrange(100)}


def _sale(draw: Random) -> Event:
    return {**_product(draw), "total": round(draw.uniform(5.0, 20_000.0), 2)}


_DATA = {"product": _product, "page": _page, "search": _search, "cart": _sale, "order": _sale}
