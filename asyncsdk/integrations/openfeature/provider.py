"""The provider: OpenFeature's questions go to a client's flags, and its news go to OpenFeature.

The five `…_async` resolvers decide by the definitions that are here, else ask the server, and wait
for it without holding up the loop. The five plain ones decide by the definitions alone: they never
wait, and without definitions they say so.

    initialize ─▶ READY ── definitions cannot be had, once and again ──▶ STALE, or ERROR without any
                    ▲                     the key is refused, the quota is used up ──▶ ERROR
                    └─────────────── they come, or are confirmed ◀──────────────┘

`initialize` and `shutdown` may be called from any thread, and do nothing that takes time; news come
on the client's loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEvent, ProviderEventDetails
from openfeature.exception import (
    ErrorCode,
    FlagNotFoundError,
    GeneralError,
    InvalidContextError,
    ProviderNotReadyError,
)
from openfeature.flag_evaluation import FlagResolutionDetails
from openfeature.hook import Hook
from openfeature.provider import FeatureProvider, Metadata
from openfeature.track import TrackingEventDetails

from asyncsdk.client import AsyncAnalytics
from asyncsdk.client.directing import Directed
from asyncsdk.errors import ValidationError
from asyncsdk.flags.polling import News
from asyncsdk.flags.results import FlagResult
from asyncsdk.integrations.openfeature import answering
from asyncsdk.integrations.openfeature.answering import Finding, Structured
from asyncsdk.integrations.openfeature.asking import subject_of

if TYPE_CHECKING:
    # openfeature has no __init__: where pyright verifies our types, its classes are unknown.
    _Provider = object
else:
    from openfeature.provider import AbstractProvider as _Provider

_State = Literal["ready", "stale", "error"]
_Emit = Callable[[FeatureProvider, ProviderEvent, ProviderEventDetails], None]

#: Failed polls in a row after which definitions count as stale: one may be a hiccup.
STALE_AFTER = 3
#: How a poller says that the key was refused.
_REFUSED = ("HTTP 401", "HTTP 403")


class AsyncAnalyticsProvider(_Provider):
    """Answer OpenFeature with PostHog's flags, as a client reads them.

    The client stays its owner's: the provider neither starts nor closes it.

    Args:
        analytics: A client with a `PostHog` destination, or a view of one: `client.to(name)`.
        default_distinct_id: Who is asked about where a context has no targeting key.
        send_events: Whether ``$feature_flag_called`` reports that a flag was read.

    Raises:
        ConfigurationError: The client has no flags.
    """

    def __init__(
        self,
        analytics: AsyncAnalytics | Directed,
        *,
        default_distinct_id: str | None = None,
        send_events: bool = True,
    ) -> None:
        super().__init__()
        self._analytics = analytics
        self._flags = analytics.flags
        self._default = default_distinct_id
        self._send_events = send_events
        # This is all that changes, beside what attach() and detach() write: initialize() and
        # shutdown() write the first, news the second.
        self._unwatch: Callable[[], None] | None = None
        self._state: _State = "ready"

    def get_metadata(self) -> Metadata:
        """Return the provider's name."""
        return Metadata(name="asyncsdk")

    def get_provider_hooks(self) -> list[Hook]:
        """Return none."""
        return []

    def attach(self, on_emit: _Emit) -> None:
        """Tell *on_emit* what happens from now on; OpenFeature's own call."""
        self._on_emit: _Emit = on_emit

    def detach(self) -> None:
        """Tell nobody any more; OpenFeature's own call."""
        self.__dict__.pop("_on_emit", None)

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Listen to what becomes of the definitions; nothing is waited for."""
        del evaluation_context
        self._state = "ready"  # so will OpenFeature call it when this returns
        if self._unwatch is None:
            self._unwatch = self._flags.watch(self._hear)

    def shutdown(self) -> None:
        """Listen no more. The client goes on; twice is nothing."""
        unwatch, self._unwatch = self._unwatch, None
        if unwatch is not None:
            unwatch()

    def track(
        self,
        tracking_event_name: str,
        evaluation_context: EvaluationContext | None = None,
        tracking_event_details: TrackingEventDetails | None = None,
    ) -> None:
        """Capture an event: attributes and `value` are its properties, the context's groups its.

        Without a targeting key, and without a default one, it is an event of nobody.
        """
        properties: dict[str, Any] = {}
        if tracking_event_details is not None:
            properties |= tracking_event_details.attributes
            if tracking_event_details.value is not None:
                properties["value"] = tracking_event_details.value
        who = self._default
        groups: object = None
        if evaluation_context is not None:
            who = evaluation_context.targeting_key or who
            groups = evaluation_context.attributes.get("groups")
        self._analytics.capture(
            tracking_event_name,
            who,
            properties,
            groups=dict(groups) if isinstance(groups, Mapping) else None,
        )

    # Resolving, five times two: the client calls them by these names, with keywords.

    async def resolve_boolean_details_async(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001 - OpenFeature's signature
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """Return whether the flag is on."""
        return answering.as_boolean(await self._ask(flag_key, evaluation_context), default_value)

    async def resolve_string_details_async(
        self,
        flag_key: str,
        default_value: str,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[str]:
        """Return the flag's variant."""
        return answering.as_string(await self._ask(flag_key, evaluation_context), default_value)

    async def resolve_integer_details_async(
        self,
        flag_key: str,
        default_value: int,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[int]:
        """Return the flag's variant as a whole number."""
        return answering.as_integer(await self._ask(flag_key, evaluation_context), default_value)

    async def resolve_float_details_async(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[float]:
        """Return the flag's variant as a number."""
        return answering.as_float(await self._ask(flag_key, evaluation_context), default_value)

    async def resolve_object_details_async(
        self,
        flag_key: str,
        default_value: Structured,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Structured]:
        """Return the flag's payload."""
        return answering.as_object(await self._ask(flag_key, evaluation_context), default_value)

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001 - OpenFeature's signature
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """Return whether the flag is on, by the definitions that are here."""
        return answering.as_boolean(self._look(flag_key, evaluation_context), default_value)

    def resolve_string_details(
        self,
        flag_key: str,
        default_value: str,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[str]:
        """Return the flag's variant, by the definitions that are here."""
        return answering.as_string(self._look(flag_key, evaluation_context), default_value)

    def resolve_integer_details(
        self,
        flag_key: str,
        default_value: int,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[int]:
        """Return the flag's variant as a whole number, by the definitions that are here."""
        return answering.as_integer(self._look(flag_key, evaluation_context), default_value)

    def resolve_float_details(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[float]:
        """Return the flag's variant as a number, by the definitions that are here."""
        return answering.as_float(self._look(flag_key, evaluation_context), default_value)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Structured,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Structured]:
        """Return the flag's payload, by the definitions that are here."""
        return answering.as_object(self._look(flag_key, evaluation_context), default_value)

    async def _ask(self, key: str, context: EvaluationContext | None) -> Finding:
        who = subject_of(context, default=self._default)
        try:
            found = await self._flags.result(
                key,
                who.distinct_id,
                groups=who.groups,
                person_properties=who.person_properties,
                group_properties=who.group_properties,
                device_id=who.device_id,
                send_events=self._send_events,
            )
        except ValidationError as error:
            raise InvalidContextError(str(error)) from None
        return self._finding(found)

    def _look(self, key: str, context: EvaluationContext | None) -> Finding:
        who = subject_of(context, default=self._default)
        try:
            found = self._flags.local_result(
                key,
                who.distinct_id,
                groups=who.groups,
                person_properties=who.person_properties,
                group_properties=who.group_properties,
                device_id=who.device_id,
                send_events=self._send_events,
            )
        except ValidationError as error:
            raise InvalidContextError(str(error)) from None
        return self._finding(found)

    def _finding(self, found: FlagResult) -> Finding:
        """Return what was found, or raise what OpenFeature calls the trouble."""
        if found.value is None:
            raise _trouble(found)
        words = f"{found.code or ''} {found.reason or ''}".lower()
        return Finding(
            value=found.value,
            payload=found.payload,
            reason=found.reason or "",
            disabled=found.value is False and "disabled" in words,
            local=found.locally_evaluated,
            stale=found.locally_evaluated and self._state == "stale",
            id=found.id,
            version=found.version,
        )

    # News, on the client's loop.

    def _hear(self, news: News) -> None:
        if news.kind == "failed":
            self._hear_of_failure(news)
        elif news.kind == "cleared":
            if self._state != "error":
                self._turn("error", _details(news))
            if news.changed:
                self._emit(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, _details(news))
        else:
            if self._state != "ready" or news.kind == "loaded":
                self._turn("ready", ProviderEventDetails())
            if news.kind == "changed" and news.changed:
                self._emit(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, _details(news))

    def _hear_of_failure(self, news: News) -> None:
        refused = news.error.startswith(_REFUSED)
        if refused or (news.failures >= STALE_AFTER and not self._flags.is_ready):
            state: _State = "error"
        elif news.failures >= STALE_AFTER:
            state = "stale"
        else:
            return
        if state != self._state:
            self._turn(state, _details(news))

    def _turn(self, state: _State, details: ProviderEventDetails) -> None:
        self._state = state
        if state == "ready":
            self._emit(ProviderEvent.PROVIDER_READY, details)
        elif state == "stale":
            self._emit(ProviderEvent.PROVIDER_STALE, details)
        else:
            details.error_code = ErrorCode.GENERAL
            self._emit(ProviderEvent.PROVIDER_ERROR, details)

    def _emit(self, event: ProviderEvent, details: ProviderEventDetails) -> None:
        """Tell OpenFeature, unless it let go of this provider, perhaps just now."""
        on_emit: _Emit | None = self.__dict__.get("_on_emit")
        if on_emit is not None:
            on_emit(self, event, details)


def _details(news: News) -> ProviderEventDetails:
    changed = sorted(news.changed) or None
    return ProviderEventDetails(flags_changed=changed, message=news.error or None)


def _trouble(found: FlagResult) -> Exception:
    """Return the error for a flag that nobody could decide."""
    if found.reason == "not_loaded":
        return ProviderNotReadyError("there are no flag definitions yet; use the _async call")
    if found.reason == "flag_missing" and found.error in ("", "flag_missing"):
        return FlagNotFoundError(f"there is no flag {found.key!r}")
    return GeneralError(f"nobody could decide {found.key!r}: {found.error or found.reason}")
