"""Answers: the way of a question about flags, from what is known here to the server and back.

The public calls stand in `getting`. Nothing is raised here but what the caller is to blame for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from asyncsdk.errors import ConfigurationError
from asyncsdk.flag_seams import FlagWire, Question, RemoteFlags, Value
from asyncsdk.flags.asking import Asker
from asyncsdk.flags.called import Called, report_of
from asyncsdk.flags.loading import given, given_at_once
from asyncsdk.flags.local import Decisions, decide, local_result
from asyncsdk.flags.polling import Poller
from asyncsdk.flags.results import FlagResult, called_properties, remote_result
from asyncsdk.outside import Outside


class Voice(Protocol):
    """Says to the destination that a flag was read."""

    def __call__(
        self, distinct_id: str, properties: dict[str, Any], groups: Mapping[str, str], *, bare: bool
    ) -> None:
        """Send the event; *bare* leaves out whatever is not its own."""
        ...


class Answers:
    """Answer questions about the flags of one destination, and report what was read."""

    def __init__(
        self,
        wire: FlagWire,
        *,
        poller: Poller,
        asker: Asker,
        outside: Outside,
        voice: Voice,
        remembered: int,
    ) -> None:
        self._wire = wire
        self._poller = poller
        self._asker = asker
        self._outside = outside
        self._voice = voice
        self._only_locally = wire.only_locally
        # This is all that changes.
        self._called = Called(remembered)
        self._untouched = wire.given is not None  # what the application gave is still to be read
        self._unreadable = False  # so that a start says so, whoever has asked before

    def values_here(self, question: Question) -> dict[str, Value] | None:
        """Return what can be decided here of all flags; None without definitions."""
        if self._untouched:
            self._load_at_once()
        if self._poller.definitions is None:
            return None
        decisions = Decisions(self._poller.definitions, question)
        decisions.at_once()
        return decisions.values()

    async def _answer(
        self, key: str, question: Question, *, only_locally: bool | None
    ) -> FlagResult:
        await self._prepare()
        result = self._decide(key, question)
        if result.value is not None or (
            self._only_locally if only_locally is None else only_locally
        ):
            return result
        return remote_result(key, await self._asker.ask(question))

    def _decide(self, key: str, question: Question) -> FlagResult:
        definitions = self._poller.definitions
        if definitions is None:
            return FlagResult(key=key, reason="not_loaded")
        if key not in definitions.flags:
            return FlagResult(key=key, reason="flag_missing")
        found = decide(definitions, key, question)
        if found.source == "local":
            return local_result(definitions, key, found)
        return FlagResult(key=key, reason=found.reason)

    async def _everything(
        self, question: Question, *, only_locally: bool | None
    ) -> tuple[Decisions, RemoteFlags | None]:
        await self._prepare()
        decisions = Decisions(self._poller.definitions, question)
        await decisions.in_pieces()
        local = self._only_locally if only_locally is None else only_locally
        if local or not decisions.must_ask:
            return decisions, None
        return decisions, await self._asker.ask(question)

    def _tell(self, question: Question, result: FlagResult) -> None:
        report = report_of(result.key, result.value, question.groups)
        if self._called.knows(question.distinct_id, report):
            return
        self._called.note(question.distinct_id, report)
        properties, bare = called_properties(
            result, now=self._outside.now_ms(), loaded_at=self._poller.loaded_at
        )
        try:
            self._voice(question.distinct_id, properties, question.groups, bare=bare)
        except Exception as error:  # noqa: BLE001 - a full queue, a hook: nothing to the host
            self._asker.failed(f"event not sent, {type(error).__name__}")

    # Loading.

    async def _prepare(self) -> None:
        """Read what the application gave, and wait for a first poll that is under way."""
        if self._untouched:
            await self._load_or_say()
        elif self._poller.is_first:
            await self._poller.first(self._wire.timeout)

    async def load_given(self) -> None:
        """Read what the application gave, if it is still to be read.

        Raises:
            ConfigurationError: It cannot be read, or holds no definitions.
        """
        if self._untouched or self._unreadable:
            await self._load()

    async def _load_or_say(self) -> bool:
        """Read what the application gave; return whether that went well."""
        try:
            await self._load()
        except ConfigurationError as error:
            self._asker.failed(str(error))
            return False
        return True

    async def _load(self) -> None:
        source = self._wire.given
        assert source is not None  # noqa: S101 - asked before
        try:
            definitions = await given(source, self._wire.max_definitions_bytes)
        except ConfigurationError:
            self._untouched, self._unreadable = False, True
            raise
        # Only now: this may be cancelled, and others then load again.
        self._untouched = self._unreadable = False
        self._poller.adopt(definitions)

    def _load_at_once(self) -> None:
        source = self._wire.given
        assert source is not None  # noqa: S101 - asked before
        self._untouched = False
        try:
            self._poller.adopt(given_at_once(source, self._wire.max_definitions_bytes))
        except ConfigurationError as error:
            self._unreadable = True
            self._asker.failed(str(error))

    def _check_key(self) -> None:
        if not self._wire.may_poll:
            raise ConfigurationError(
                "personal_api_key: this needs one; give PostHog(…, personal_api_key=…)"
            )
