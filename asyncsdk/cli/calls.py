"""One call as a value, and the call itself."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from msgspec import Struct

from asyncsdk.client import AsyncAnalytics
from asyncsdk.receipts import Receipt

Kind = Literal["track", "identify", "page", "screen", "group", "alias"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Call(Struct, frozen=True):
    """Hold what one call says.

    Attributes:
        kind: Which call.
        arguments: By the names of its signature; what is needed may be missing.
    """

    kind: Kind
    arguments: Mapping[str, Any]


def make(analytics: AsyncAnalytics, call: Call) -> Receipt:
    """Make *call*.

    Raises:
        ValidationError: An argument is missing or breaks a rule.
    """
    arguments = call.arguments
    if call.kind == "track":
        return analytics.track(**{"event": "", **arguments})
    if call.kind == "group":
        return analytics.group(**{"group_id": "", **arguments})
    if call.kind == "alias":
        return analytics.alias(**{"user_id": "", **arguments})
    plain = {
        "identify": analytics.identify,
        "page": analytics.page,
        "screen": analytics.screen,
    }
    return plain[call.kind](**arguments)
