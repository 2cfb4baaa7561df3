"""Workload: one realistic track event of about 380 bytes of JSON, in two data sets.

``templated`` repeats most of its values, as a test stream does. ``varied`` draws ids, addresses,
agents, names and prices from a fixed seed, as production does, and compresses far less.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from random import Random
from typing import Any, NamedTuple

DATA_SETS = ("templated", "varied")

#: Calls made beforehand and used in turns: far more than a compressor looks back over.
POOL = 2_000

_AGENT = "Mozilla/5.0 ({}; rv:{}.{}) Firefox/{}.{}"


class Call(NamedTuple):
    """The arguments of one `track` call."""

    user_id: str
    event: str
    properties: dict[str, Any]
    context: dict[str, Any]


def calls(data: str, count: int) -> Iterator[Call]:
    """Return *count* calls of the data set *data*; they are made before this returns."""
    draw = Random(20261121)
    make = {"templated": _templated, "varied": _varied}[data]
    return islice(cycle([make(number, draw) for number in range(POOL)]), count)


def _templated(number: int, _draw: Random) -> Call:
    return Call(
        f"user-{number % 500:05d}",
        "Product Viewed",
        {
            "product_id": f"sku-{number % 97:05d}",
            "name": "Merino crew sweater",
            "price": 89.95,
            "quantity": 1 + number % 3,
            "coupon": None if number % 4 else "AUTUMN10",
            "tags": ["wool", "sale"],
            "position": {"list": "search", "index": number % 40},
        },
        {
            "ip": "203.0.113.7",
            "userAgent": _AGENT.format("X11; Linux x86_64", 141, 0, 141, 0),
            "locale": "de-DE",
            "app": {"name": "shop", "version": "4.2.0"},
        },
    )


def _varied(number: int, draw: Random) -> Call:
    return Call(
        f"{draw.getrandbits(40):010x}",
        "Product Viewed",
        {
            "product_id": f"{draw.getrandbits(36):09x}",
            "name": f"{draw.choice(_FABRICS)} {draw.choice(_CUTS)} {draw.choice(_THINGS)}",
            "price": round(draw.uniform(1.0, 400.0), 2),
            "quantity": draw.randrange(1, 9),
            "coupon": None if number % 4 else f"{draw.getrandbits(32):08X}",
            "tags": draw.sample(_TAGS, 2),
            "position": {"list": draw.choice(_LISTS), "index": draw.randrange(100)},
        },
        {
            "ip": ".".join(str(draw.randrange(1, 255)) for _ in range(4)),
            "userAgent": _AGENT.format(
                draw.choice(_PLATFORMS), *(draw.randrange(10, 142) for _ in range(4))
            ),
            "locale": draw.choice(_LOCALES),
            "app": {"name": "shop", "version": f"4.{draw.randrange(9)}.{draw.randrange(9)}"},
        },
    )


_FABRICS = ("Merino", "Linen", "Canvas", "Denim", "Cotton", "Fleece", "Silk", "Hemp", "Tweed")
_CUTS = ("crew", "long", "slim", "wide", "light", "heavy", "trail", "city", "cropped", "boxy")
_THINGS = ("sweater", "shirt", "tote", "jacket", "socks", "shoe", "scarf", "belt", "cap", "vest")
_PLATFORMS = (
    "X11; Linux x86_64",
    "Windows NT 10.0; Win64; x64",
    "Macintosh; Intel 10.15",
    "Android 14; Mobile",
    "X11; Ubuntu; aarch64",
)
_TAGS = ("wool", "sale", "new", "last", "linen", "gift", "set", "eco")
_LISTS = ("search", "home", "mail", "similar")
_LOCALES = ("de-DE", "fr-FR", "en-GB", "pt-BR", "ja-JP", "nl-NL")
