"""Calls: what an application can say, in signatures and words; what is done with it is elsewhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, Protocol, TypeVar, Unpack

from asyncsdk.client.checking import Common, CommonWithUser
from asyncsdk.client.gate import (
    ALIAS,
    CAPTURE,
    CAPTURE_EXCEPTION,
    GROUP,
    GROUP_IDENTIFY,
    IDENTIFY,
    PAGE,
    SCREEN,
    TRACK,
    Call,
)
from asyncsdk.messages import Event, Id, Object

#: What a call returns.
ReceiptT = TypeVar("ReceiptT")


class FlagSnapshot(Protocol):
    """Feature flags of one user, evaluated once."""

    def event_properties(self) -> dict[str, Any]:
        """Return them as an event's properties: ``$feature/<key>``, ``$active_feature_flags``."""
        ...


class Calls(ABC, Generic[ReceiptT]):
    """The calls of a client: plain functions that take microseconds and never wait."""

    def track(
        self,
        event: str | Event,
        *,
        properties: Object | None = None,
        **common: Unpack[CommonWithUser],
    ) -> ReceiptT:
        """Say that something happened.

        Args:
            event: Its name, not empty; or a typed `Event`, whose fields are the properties.
            properties: Facts about it.
            common: See `CommonWithUser`; an id is needed, given or bound.

        Raises:
            ValidationError: An argument breaks a rule (with ``invalid="raise"``).
            QueueFullError: The queue is full (with ``overflow="raise"``).
        """
        return self._say(TRACK, {"event": event, "properties": properties, **common})

    def identify(
        self,
        user_id: Id | None = None,
        *,
        traits: Object | None = None,
        **common: Unpack[Common],
    ) -> ReceiptT:
        """Say who a user is.

        Args:
            user_id: Who; may be left out if an `anonymous_id` is given or bound.
            traits: Facts about the user.
            common: See `Common`.

        Raises:
            ValidationError: An argument breaks a rule (with ``invalid="raise"``).
            QueueFullError: The queue is full (with ``overflow="raise"``).
        """
        return self._say(IDENTIFY, {"user_id": user_id, "traits": traits, **common})

    def page(
        self,
        name: str | None = None,
        *,
        category: str | None = None,
        properties: Object | None = None,
        **common: Unpack[CommonWithUser],
    ) -> ReceiptT:
        """Say that a page was viewed.

        Args:
            name: Its name.
            category: Its category.
            properties: Facts about it, such as ``url``, ``title``, ``referrer``.
            common: See `CommonWithUser`; an id is needed, given or bound.

        Raises:
            ValidationError: An argument breaks a rule (with ``invalid="raise"``).
            QueueFullError: The queue is full (with ``overflow="raise"``).
        """
        return self._say(
            PAGE, {"name": name, "category": category, "properties": properties, **common}
        )

    def screen(
        self,
        name: str | None = None,
        *,
        category: str | None = None,
        properties: Object | None = None,
        **common: Unpack[CommonWithUser],
    ) -> ReceiptT:
        """Say that a screen of an app was viewed.

        Args:
            name: Its name.
            category: Its category.
            properties: Facts about it.
            common: See `CommonWithUser`; an id is needed, given or bound.

        Raises:
            ValidationError: An argument breaks a rule (with ``invalid="raise"``).
            QueueFullError: The queue is full (with ``overflow="raise"``).
        """
        return self._say(
            SCREEN, {"name": name, "category": category, "properties": properties, **common}
        )

    def group(
        self,
        group_id: Id,
        *,
        traits: Object | None = None,
        group_type: str | None = None,
        **common: Unpack[CommonWithUser],
    ) -> ReceiptT:
        """Say that a user belongs to a group.

        Args:
            group_id: Which group; 0 and the empty text name none.
            traits: Facts about the group.
            group_type: What kind of group, for systems that tell kinds apart.
            common: See `CommonWithUser`; an id is needed, given or bound.

        Raises:
            ValidationError: An argument breaks a rule (with ``invalid="raise"``).
            QueueFullError: The queue is full (with ``overflow="raise"``).
        """
        return self._say(
            GROUP, {"group_id": group_id, "traits": traits, "group_type": group_type, **common}
        )

    def group_identify(
        self,
        group_type: str,
        group_key: Id,
        properties: Object | None = None,
        **common: Unpack[CommonWithUser],
    ) -> ReceiptT:
        """Say what a group is, as PostHog does; no user is needed.

        Args:
            group_type: What kind of group, such as ``"company"``.
            group_key: Which one.
            properties: Facts about the group.
            common: See `CommonWithUser`.

        Raises:
            ValidationError: An argument breaks a rule, or no destination has such a call.
            QueueFullError: The queue is full (with ``overflow="raise"``).
        """
        given = {"group_type": group_type, "group_id": group_key, "properties": properties}
        return self._say(GROUP_IDENTIFY, {**given, **common})

    def alias(
        self,
        *,
        previous_id: Id | None = None,
        user_id: Id,
        traits: Object | None = None,
        **common: Unpack[Common],
    ) -> ReceiptT:
        """Say that two ids are one user.

        Args:
            previous_id: The id until now; some systems take `anonymous_id` instead.
            user_id: The id from now on.
            traits: Passed through where the system takes them.
            common: See `Common`.

        Raises:
            ValidationError: An argument breaks a rule (with ``invalid="raise"``).
            QueueFullError: The queue is full (with ``overflow="raise"``).
        """
        return self._say(
            ALIAS, {"user_id": user_id, "previous_id": previous_id, "traits": traits, **common}
        )

    def capture(
        self,
        event: str | Event,
        distinct_id: Id | None = None,
        properties: Object | None = None,
        *,
        flags: Object | FlagSnapshot | None = None,
        send_feature_flags: bool = False,
        disable_geoip: bool | None = None,
        **common: Unpack[CommonWithUser],
    ) -> ReceiptT:
        """Say that something happened, in PostHog's words.

        Other systems get a `track` with ``user_id = distinct_id``. Without any id, given or bound,
        it is an event of nobody, which PostHog alone takes.

        Args:
            event: Its name, not empty; or a typed `Event`.
            distinct_id: Who.
            properties: Facts about it; ``$set`` and ``$set_once`` in them are facts about the user.
            flags: Feature flags that were evaluated already: values by name, or a snapshot.
            send_feature_flags: Whether to evaluate and send them (PostHog).
            disable_geoip: Whether PostHog is not to look up the address.
            common: See `CommonWithUser`.

        Raises:
            ValidationError: An argument breaks a rule (with ``invalid="raise"``).
            QueueFullError: The queue is full (with ``overflow="raise"``).
        """
        given = {"event": event, "distinct_id": distinct_id, "properties": properties, **common}
        # The rest goes the careful way, so only what is said.
        if flags is not None:
            given["flags"] = flags
        if send_feature_flags is not False:
            given["send_feature_flags"] = send_feature_flags
        if disable_geoip is not None:
            given["disable_geoip"] = disable_geoip
        return self._say(CAPTURE, given)

    def capture_exception(
        self,
        error: BaseException,
        distinct_id: Id | None = None,
        properties: Object | None = None,
        *,
        handled: bool = True,
        flags: Object | FlagSnapshot | None = None,
        disable_geoip: bool | None = None,
        **common: Unpack[CommonWithUser],
    ) -> ReceiptT:
        """Say that an error occurred (PostHog alone).

        What is told of it: its type and text, those of its causes and of a group's members, and the
        source lines that led to it; never the values of variables.

        Args:
            error: An exception, raised or not.
            distinct_id: Whose; without any id, given or bound, it is nobody's.
            properties: Facts about it; ``$exception_level`` and ``$exception_fingerprint`` may be
                among them.
            handled: Whether the application lives on.
            flags: Feature flags that were evaluated already: values by name, or a snapshot.
            disable_geoip: Whether PostHog is not to look up the address.
            common: See `CommonWithUser`.

        Raises:
            ValidationError: An argument breaks a rule, or no destination has such a call.
            QueueFullError: The queue is full (with ``overflow="raise"``).
        """
        given = {
            "error": error,
            "distinct_id": distinct_id,
            "properties": properties,
            "handled": handled,
            "flags": flags,
            "disable_geoip": disable_geoip,
        }
        return self._say(CAPTURE_EXCEPTION, {**given, **common})

    @abstractmethod
    def _say(self, call: Call, given: dict[str, Any]) -> ReceiptT:
        """Take a *call* and all that it was *given*; the dict is the taker's own."""
