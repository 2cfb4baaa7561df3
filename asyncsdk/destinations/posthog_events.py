"""What each call becomes at PostHog: the name of an event, whose it is, and its properties.

    track            the event                 the properties
    identify         $identify                 $set, $set_once, $anon_distinct_id
    page, screen     $pageview, $screen        the properties, $current_url, $screen_name
    group            $groupidentify            $group_type, $group_key, $group_set
    group_identify   $groupidentify            the same; needs no user
    alias            $create_alias             distinct_id (the id from now on), alias
    exception        $exception                $exception_list, $exception_level, the properties

Source: posthog-node 5.70.0, posthog 7.91.1, recorded (checked 2026-11).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from asyncsdk.messages import Kind, Message
from asyncsdk.seams import Unsupported
from asyncsdk.wire.ids import given_id

#: The kind of group that a `group` call means when it does not say.
GROUP_TYPE = "company"


class Said(Struct, frozen=True):
    """What a call says, in PostHog's words.

    Attributes:
        event: The event's name.
        distinct_id: Whose it is; None for nobody's.
        properties: Its own, without those that every event has.
    """

    event: str
    distinct_id: str | None
    properties: Mapping[str, Any]


_NOTHING: Mapping[str, Any] = {}


def said_by(message: Message) -> Said | Unsupported:
    """Return what *message* says in PostHog's words, or that there is no form for it."""
    return _FORMS[message.type](message)


def whose(message: Message) -> str | None:
    """Return the distinct id: the user's, else the anonymous one, else none."""
    user_id = message.user_id
    if user_id and type(user_id) is str:  # nearly all of them are
        return user_id
    return given_id(user_id) or given_id(message.anonymous_id)


def _track(message: Message) -> Said:
    return Said(message.event or "", whose(message), message.properties or _NOTHING)


def _exception(message: Message) -> Said:
    return Said("$exception", whose(message), message.properties or _NOTHING)


def _identify(message: Message) -> Said:
    """Turn an identify into `$set`; a user who was anonymous until now is joined."""
    properties = person_properties(message.traits or _NOTHING)
    user, anonymous = given_id(message.user_id), given_id(message.anonymous_id)
    if user and anonymous and user != anonymous:
        properties["$anon_distinct_id"] = anonymous
    return Said("$identify", user or anonymous, properties)


def person_properties(traits: Mapping[str, Any]) -> dict[str, Any]:
    """Return *traits* as `$set` and `$set_once`, either of which they may name themselves.

    With a `$set` among them, what stands beside it is left out, as posthog-node has it.
    """
    named = ("$set", "$set_once")
    rest = {name: value for name, value in traits.items() if name not in named}
    return {"$set": traits.get("$set", rest), "$set_once": traits.get("$set_once", _NOTHING)}


def _page(message: Message) -> Said:
    properties = _named(message)
    page = (message.context or _NOTHING).get("page")
    url = properties.get("url") or (page.get("url") if isinstance(page, Mapping) else None)
    if url is not None:
        properties.setdefault("$current_url", url)
    return Said("$pageview", whose(message), properties)


def _screen(message: Message) -> Said:
    properties = _named(message)
    if message.name is not None:
        properties.setdefault("$screen_name", message.name)
    return Said("$screen", whose(message), properties)


def _named(message: Message) -> dict[str, Any]:
    """Return the properties of a page or a screen, with its name and category among them."""
    properties = {} if message.properties is None else dict(message.properties)
    for name, value in (("name", message.name), ("category", message.category)):
        if value is not None:
            properties.setdefault(name, value)
    return properties


def _group(message: Message) -> Said:
    facts = message.traits if message.type == "group" else message.properties
    kind = message.group_type or GROUP_TYPE
    key = given_id(message.group_id)
    properties = {
        "$group_type": kind,
        "$group_key": key,
        "$group_set": _NOTHING if facts is None else facts,
    }
    return Said("$groupidentify", whose(message) or f"${kind}_{key}", properties)


def _alias(message: Message) -> Said | Unsupported:
    user = given_id(message.user_id)
    before = given_id(message.previous_id) or given_id(message.anonymous_id)
    if not user or not before:
        return Unsupported("alias: PostHog needs user_id, and previous_id or anonymous_id")
    return Said("$create_alias", user, {"distinct_id": user, "alias": before})


_FORMS: dict[Kind, Callable[[Message], Said | Unsupported]] = {
    "track": _track,
    "identify": _identify,
    "page": _page,
    "screen": _screen,
    "group": _group,
    "group_identify": _group,
    "alias": _alias,
    "exception": _exception,
}
