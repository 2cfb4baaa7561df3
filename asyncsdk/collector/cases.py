"""What is known of a request when it is judged, and what the rules may ask for."""

from collections.abc import Callable

import msgspec

from asyncsdk.collector.answers import Answer
from asyncsdk.collector.flag_book import FlagBook
from asyncsdk.collector.memory import Memory


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """Holds what is known of a request before its body is read.

    `token` and `version` (`v`) are from the query, as `api_key` is.
    """

    method: str
    path: str
    authorization: str | None = None
    content_type: str = ""
    api_key: str = ""
    idempotency_key: str = ""
    request_id: str = ""
    token: str = ""
    version: str = ""
    if_none_match: str = ""


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """Holds what the rules ask for; they only read.

    `accepts` says whether a key is good, `accepts_personal` whether one is that opens definitions,
    `fresh_id` makes ids, `now` tells the time (UTC, as text), `now_ms` the same as milliseconds,
    `memory` what came before, `flags` what PostHog's flags are. `spoils` says of the next good
    event of a batch, or of the next flag, with which error it is refused on purpose, empty if it is
    taken; `flag_trouble` is the fault that flags have on purpose, empty for none.
    """

    accepts: Callable[[str], bool]
    accepts_personal: Callable[[str], bool]
    fresh_id: Callable[[], str]
    now: Callable[[], str]
    now_ms: Callable[[], int]
    memory: Memory
    flags: FlagBook
    flag_trouble: str = ""
    spoils: Callable[[], str] = str


def route_in(path: str, routes: frozenset[str]) -> str | None:
    """Return the one of *routes* that *path* ends with, whatever prefix stands before it.

    A server may live behind a proxy: `/proxy/r/v1/batch` is `/v1/batch`.
    """
    _, marker, route = path.rpartition("/v1/")
    return route if marker and route in routes else None


def wrong_method(head: Head) -> Answer | None:
    """Refuse anything but POST, as the gateway's router (chi) does; None if it is one."""
    return None if head.method == "POST" else Answer(status=405, text="")


def decoded(body: bytes) -> object:
    """Return the JSON value of *body*.

    Lone surrogates and numbers past a double count as invalid.

    Raises:
        ValueError: It is not JSON.
    """
    try:
        return msgspec.json.decode(body)
    except RecursionError:
        raise ValueError("nested too deep") from None
