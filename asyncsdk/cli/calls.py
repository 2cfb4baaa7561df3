"""One call as a value, and the call itself."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from msgspec import Struct

from asyncsdk.client import AsyncAnalytics
from asyncsdk.receipts import Receipt

Kind = Literal["track", "identify", "page", "screen", "group", "alias"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_NEEDED: Mapping[Kind, Mapping[str, str]] = {
    "track": {"event": ""},
    "group": {"group_id": ""},
    "alias": {"user_id": ""},
}


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
    # What Python itself would miss is empty instead, and refused in the call's own words.
    arguments: dict[str, Any] = {**_NEEDED.get(call.kind, {}), **call.arguments}
    if call.kind == "track":
        return analytics.track(**arguments)
    if call.kind == "group":
        return analytics.group(**arguments)
    if call.kind == "alias":
        return analytics.alias(**arguments)
    if call.kind == "identify":
        return analytics.identify(**arguments)
    if call.kind == "page":
        return analytics.page(**arguments)
    return analytics.screen(**arguments)
