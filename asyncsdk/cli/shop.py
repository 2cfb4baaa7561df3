"""A shop and its visitors: a realistic stream of all six kinds of calls. Pure, by a seed.

A visitor comes without a name, looks around, perhaps signs in (identify, alias, and group for
those who buy for a company), perhaps orders. Names follow the vendors' e-commerce vocabulary.
"""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from msgspec import Struct

from asyncsdk.cli.calls import Call, Kind

_CUSTOMERS = 40_000
_COMPANIES = 900
_SHOP = "https://shop.example"


def _product(number: int, name: str, category: str, brand: str, price: float) -> dict[str, Any]:
    sku = f"{category[:2].upper()}-{number:04d}"
    return {
        "product_id": f"p-{number}",
        "sku": sku,
        "name": name,
        "category": category,
        "brand": brand,
        "price": price,
        "currency": "EUR",
        "url": f"{_SHOP}/{category}/{sku.lower()}",
        "image_url": f"{_SHOP}/images/{sku.lower()}.webp",
    }


_PRODUCTS = (
    _product(101, "Pour-over kettle 1 l", "kitchen", "Hallberg", 64.0),
    _product(102, "Cast-iron pan 26 cm", "kitchen", "Hallberg", 49.9),
    _product(103, "Linen apron", "kitchen", "Moorfeld", 29.5),
    _product(204, "Desk lamp, brass", "home", "Lumen & Co", 119.0),
    _product(205, "Wool blanket 140 by 200", "home", "Moorfeld", 89.0),
    _product(206, "Oak shelf, three boards", "home", "Nordwerk", 158.0),
    _product(307, "Trail shoes", "outdoor", "Fjällspår", 134.95),
    _product(308, "Rain jacket", "outdoor", "Fjällspår", 179.0),
    _product(309, "Head torch 450 lm", "outdoor", "Lumen & Co", 39.95),
    _product(410, "Notebook, dotted", "paper", "Papierhaus", 12.5),
    _product(411, "Fountain pen M", "paper", "Papierhaus", 54.0),
    _product(412, "Washi tape, set of 8", "paper", "気まぐれ", 9.9),
)
_SEARCHES = ("kettle", "gift for mum", "rain jacket xl", "lamp brass", "pen", "wandern", "ノート")
_FIRST = ("Ada", "Björn", "Chiara", "Deniz", "Emeka", "Fatma", "Grace", "Hiro", "İnci", "Jorge")
_LAST = ("Okafor", "Lindqvist", "Rossi", "Öztürk", "Novák", "Sato", "García", "Weber", "Nowak")
_PLANS = ("free", "plus", "pro")
_PLACES = (("de-DE", "Europe/Berlin"), ("en-GB", "Europe/London"), ("sv-SE", "Europe/Stockholm"))
_CAMPAIGNS = (
    {"source": "newsletter", "medium": "email", "name": "autumn"},
    {"source": "search", "medium": "cpc", "name": "brand"},
)
_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
)


class Visitor(Struct):
    """Hold what a visit goes by; `who` becomes a user once signed in."""

    who: dict[str, str]
    anonymous: str
    customer: str
    context: dict[str, Any]
    web: bool

    def call(self, kind: Kind, **arguments: Any) -> Call:
        """Build a call of this visitor."""
        return Call(kind, {**self.who, "context": self.context, **arguments})

    def track(self, event: str, properties: Mapping[str, Any]) -> Call:
        """Build a track."""
        return self.call("track", event=event, properties=properties)

    def view(self, name: str, path: str) -> Call:
        """Build the page, or the app's screen, that this visitor sees."""
        if self.web:
            properties = {"url": _SHOP + path, "path": path, "title": f"{name} · Shop"}
            return self.call("page", name=name, category="shop", properties=properties)
        return self.call("screen", name=name, category="shop", properties={"variation": "b"})


def stream(seed: int) -> Iterator[Call]:
    """Yield calls for ever, the same ones for the same *seed*."""
    rng = Random(seed)
    while True:
        yield from _visit(rng)


def poison() -> Call:
    """Return a call that passes every check here and is refused by RudderStack's gateway.

    The id is a blank: the vendor's SDK lets it pass too, and the gateway refuses the whole batch.
    """
    properties = {"product_id": "p-101", "price": 64.0}
    return Call("track", {"user_id": " ", "event": "Product Viewed", "properties": properties})


def _visit(rng: Random) -> Iterator[Call]:
    visitor = _visitor(rng)
    yield visitor.view("Home", "/")
    if rng.random() < 0.4:
        yield visitor.track("Products Searched", {"query": rng.choice(_SEARCHES)})
    basket: list[dict[str, Any]] = []
    for product in rng.sample(_PRODUCTS, rng.randrange(1, 5)):
        yield from _look_at(visitor, product, basket, rng)
    if rng.random() < 0.35:
        yield from _sign_in(visitor, rng)
    if basket and rng.random() < 0.6:
        yield from _order(visitor, basket, rng)


def _visitor(rng: Random) -> Visitor:
    anonymous = f"{rng.getrandbits(64):016x}"
    locale, zone = rng.choice(_PLACES)
    context: dict[str, Any] = {
        "ip": f"198.51.100.{rng.randrange(1, 255)}",
        "locale": locale,
        "timezone": zone,
        "userAgent": rng.choice(_AGENTS),
    }
    if rng.random() < 0.3:
        context["campaign"] = rng.choice(_CAMPAIGNS)
    return Visitor(
        who={"anonymous_id": anonymous},
        anonymous=anonymous,
        customer=f"customer-{rng.randrange(_CUSTOMERS)}",
        context=context,
        web=rng.random() < 0.7,
    )


def _look_at(
    visitor: Visitor, product: dict[str, Any], basket: list[dict[str, Any]], rng: Random
) -> Iterator[Call]:
    yield visitor.view("Product", f"/{product['category']}/{product['sku'].lower()}")
    yield visitor.track("Product Viewed", product)
    if rng.random() < 0.4:
        basket.append({**product, "quantity": rng.randrange(1, 4)})
        yield visitor.track("Product Added", {**basket[-1], "cart_id": visitor.anonymous[:8]})


def _sign_in(visitor: Visitor, rng: Random) -> Iterator[Call]:
    first, last = rng.choice(_FIRST), rng.choice(_LAST)
    visitor.who["user_id"] = visitor.customer
    traits = {
        "name": f"{first} {last}",
        "email": f"{visitor.customer}@example.com",
        "plan": rng.choice(_PLANS),
        "orders": rng.randrange(0, 40),
        "newsletter": rng.random() < 0.5,
    }
    yield visitor.call("identify", traits=traits)
    if rng.random() < 0.5:
        yield Call("alias", {"previous_id": visitor.anonymous, "user_id": visitor.customer})
    if rng.random() < 0.4:
        company = rng.randrange(_COMPANIES)
        facts = {"name": f"Company {company}", "employees": 5 + company % 400, "plan": "business"}
        yield visitor.call("group", group_id=f"company-{company}", traits=facts)


def _order(visitor: Visitor, basket: list[dict[str, Any]], rng: Random) -> Iterator[Call]:
    number = f"o-{rng.getrandbits(40):010x}"
    total = round(sum(item["price"] * item["quantity"] for item in basket), 2)
    step = {"order_id": number, "value": total, "currency": "EUR"}
    yield visitor.track("Checkout Started", {**step, "products": basket})
    yield visitor.track("Payment Info Entered", {**step, "payment_method": "invoice"})
    order = {**step, "revenue": total, "shipping": 4.9, "tax": round(total * 0.19, 2)}
    yield visitor.track("Order Completed", {**order, "products": basket})
