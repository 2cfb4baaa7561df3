"""Getting: what an application asks about flags; decided here if it can be, else by the server.

    get ──definitions──▶ decided here ──────────────┐
     │                    └─inconclusive─┐          ├─▶ reported once ─▶ the value, or None
     └──none─────────────────────────────┴─▶ asked ─┘

A wrong argument raises at the call. Nothing else does: whatever goes wrong, the value is None, which
is counted, and logged once a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import anyio
from msgspec import structs

from asyncsdk.flag_seams import RemoteFlags, Value
from asyncsdk.flags.answers import Answers
from asyncsdk.flags.arguments import GroupProperties, read_question, read_single
from asyncsdk.flags.local import Decisions
from asyncsdk.flags.polling import News
from asyncsdk.flags.results import AllFlags, FlagResult, remote_result
from asyncsdk.flags.snapshot import FlagSnapshot
from asyncsdk.messages import Id, check_text

Properties = Mapping[str, Any]


class Flags(Answers):
    """The feature flags of one destination.

    Every question takes who is asked for, and what is known of them:

    * `groups`: the groups that the person belongs to, by type
    * `person_properties`, `group_properties`: facts that conditions look at
    * `device_id`: for flags that are decided by the device
    * `only_evaluate_locally`: never ask the server; None takes what the destination says
    * `send_events`: whether the event ``$feature_flag_called`` reports that the flag was read
    """

    async def get(
        self,
        key: str,
        distinct_id: Id,
        *,
        groups: Mapping[str, Id] | None = None,
        person_properties: Properties | None = None,
        group_properties: GroupProperties | None = None,
        only_evaluate_locally: bool | None = None,
        send_events: bool = True,
        device_id: str | None = None,
    ) -> Value | None:
        """Return whether the flag *key* is on, or its variant; None if nobody could say.

        Raises:
            ValidationError: An argument breaks a rule.
        """
        definitions = self._poller.definitions
        # The usual case without a detour: a flag that looks at a person's properties alone.
        if (
            definitions is not None
            and groups is None
            and group_properties is None
            and device_id is None
            and type(distinct_id) is str
            and distinct_id
        ):
            try:
                flag = definitions.flags[key]
                direct = flag.direct
                if direct is not None:
                    facts = (
                        {"distinct_id": distinct_id}
                        if person_properties is None
                        else person_properties
                        if not flag.reads_id and type(person_properties) is dict
                        else {"distinct_id": distinct_id, **person_properties}
                    )
                    value = direct(distinct_id.encode(), facts, None).value
                    if value is not None and (
                        not send_events or self._called.knows(distinct_id, (key, value))
                    ):
                        return value
            except Exception:  # noqa: BLE001, S110 - whatever is wrong, the careful way has words for it
                pass
        question = read_single(
            key, distinct_id, groups, person_properties, group_properties, device_id
        )
        result = await self._answer(key, question, only_locally=only_evaluate_locally)
        if send_events:
            self._tell(question, result)
        return result.value

    async def is_enabled(
        self,
        key: str,
        distinct_id: Id,
        *,
        groups: Mapping[str, Id] | None = None,
        person_properties: Properties | None = None,
        group_properties: GroupProperties | None = None,
        only_evaluate_locally: bool | None = None,
        send_events: bool = True,
        device_id: str | None = None,
    ) -> bool | None:
        """Return whether the flag *key* is on, in whatever variant; None if nobody could say.

        Raises:
            ValidationError: An argument breaks a rule.
        """
        value = await self.get(
            key,
            distinct_id,
            groups=groups,
            person_properties=person_properties,
            group_properties=group_properties,
            only_evaluate_locally=only_evaluate_locally,
            send_events=send_events,
            device_id=device_id,
        )
        return None if value is None else value is not False

    async def result(
        self,
        key: str,
        distinct_id: Id,
        *,
        groups: Mapping[str, Id] | None = None,
        person_properties: Properties | None = None,
        group_properties: GroupProperties | None = None,
        only_evaluate_locally: bool | None = None,
        send_events: bool = True,
        device_id: str | None = None,
    ) -> FlagResult:
        """Return all that is known of the flag *key*: value, payload, reason, who said so.

        Raises:
            ValidationError: An argument breaks a rule.
        """
        question = read_single(
            key, distinct_id, groups, person_properties, group_properties, device_id
        )
        result = await self._answer(key, question, only_locally=only_evaluate_locally)
        if send_events:
            self._tell(question, result)
        return result

    def local_result(
        self,
        key: str,
        distinct_id: Id,
        *,
        groups: Mapping[str, Id] | None = None,
        person_properties: Properties | None = None,
        group_properties: GroupProperties | None = None,
        send_events: bool = True,
        device_id: str | None = None,
    ) -> FlagResult:
        """Return what the definitions that are here say of the flag *key*; never ask, never wait.

        Raises:
            ValidationError: An argument breaks a rule.
        """
        question = read_single(
            key, distinct_id, groups, person_properties, group_properties, device_id
        )
        if self._untouched:
            self._load_at_once()
        result = self._decide(key, question)
        if send_events:
            self._tell(question, result)
        return result

    async def payload(
        self,
        key: str,
        distinct_id: Id,
        *,
        match_value: Value | None = None,
        groups: Mapping[str, Id] | None = None,
        person_properties: Properties | None = None,
        group_properties: GroupProperties | None = None,
        only_evaluate_locally: bool | None = None,
        device_id: str | None = None,
    ) -> Any:
        """Return the payload of the flag *key*, decoded; None if there is none. Reports nothing.

        Args:
            key: The flag.
            distinct_id: Who.
            match_value: Take the payload of this value, whatever the flag is for the person.
            groups: As for every question.
            person_properties: As for every question.
            group_properties: As for every question.
            only_evaluate_locally: As for every question.
            device_id: As for every question.

        Raises:
            ValidationError: An argument breaks a rule.
        """
        question = read_single(
            key, distinct_id, groups, person_properties, group_properties, device_id
        )
        await self._prepare()
        definitions = self._poller.definitions
        if match_value is not None and definitions is not None and key in definitions.flags:
            return definitions.flags[key].payload_of(match_value)
        return (await self._answer(key, question, only_locally=only_evaluate_locally)).payload

    async def all(
        self,
        distinct_id: Id,
        *,
        keys: Sequence[str] | None = None,
        groups: Mapping[str, Id] | None = None,
        person_properties: Properties | None = None,
        group_properties: GroupProperties | None = None,
        only_evaluate_locally: bool | None = None,
        device_id: str | None = None,
    ) -> dict[str, Value] | None:
        """Return the values of all flags, or of *keys*, by key; None if nobody could say anything.

        Reports nothing. If one of them cannot be decided here, the server is asked for all, and
        what it says goes before what was decided here.

        Raises:
            ValidationError: An argument breaks a rule.
        """
        question = read_question(
            distinct_id, groups, person_properties, group_properties, device_id, keys
        )
        decisions, answer = await self._everything(question, only_locally=only_evaluate_locally)
        values = decisions.values()
        if answer is not None:
            values |= {key: one.value for key, one in answer.flags.items() if not one.failed}
        return None if not values and _nobody_said(decisions, answer) else values

    async def all_with_payloads(
        self,
        distinct_id: Id,
        *,
        keys: Sequence[str] | None = None,
        groups: Mapping[str, Id] | None = None,
        person_properties: Properties | None = None,
        group_properties: GroupProperties | None = None,
        only_evaluate_locally: bool | None = None,
        device_id: str | None = None,
    ) -> AllFlags | None:
        """Return values and payloads of all flags, or of *keys*; otherwise as `all`.

        Raises:
            ValidationError: An argument breaks a rule.
        """
        question = read_question(
            distinct_id, groups, person_properties, group_properties, device_id, keys
        )
        decisions, answer = await self._everything(question, only_locally=only_evaluate_locally)
        values = decisions.values()
        payloads = {key: one.payload for key, one in decisions.found.items()}
        if answer is not None:
            known = {key: one for key, one in answer.flags.items() if not one.failed}
            values |= {key: one.value for key, one in known.items()}
            payloads |= {key: one.payload for key, one in known.items()}
        if not values and _nobody_said(decisions, answer):
            return None
        return AllFlags(values, {key: one for key, one in payloads.items() if one is not None})

    async def snapshot(
        self,
        distinct_id: Id,
        *,
        keys: Sequence[str] | None = None,
        groups: Mapping[str, Id] | None = None,
        person_properties: Properties | None = None,
        group_properties: GroupProperties | None = None,
        only_evaluate_locally: bool | None = None,
        device_id: str | None = None,
    ) -> FlagSnapshot:
        """Evaluate all flags, or *keys*, once, for many reads in memory.

        If one of them cannot be decided here the server is asked, and what it says counts for those
        alone. What is read is reported; give the snapshot to ``capture(…, flags=snapshot)``.

        Raises:
            ValidationError: An argument breaks a rule.
        """
        question = read_question(
            distinct_id, groups, person_properties, group_properties, device_id, keys
        )
        decisions, answer = await self._everything(question, only_locally=only_evaluate_locally)
        results = decisions.results()
        missing = FlagResult(key="", reason="flag_missing", error="flag_missing")
        unresolved = dict(decisions.unresolved)
        if answer is not None:
            if answer.request_id is not None:
                results = {
                    key: structs.replace(one, request_id=answer.request_id)
                    for key, one in results.items()
                }
            said = {key: remote_result(key, answer) for key in answer.flags if key not in results}
            results |= {key: one for key, one in said.items() if one.value is not None}
            unresolved = {key: why for key, why in unresolved.items() if key not in results}
            missing = remote_result("", answer)
        return FlagSnapshot(
            question.distinct_id,
            results,
            missing=missing,
            unresolved=unresolved,
            tell=lambda result: self._tell(question, result),
        )

    async def remote_config(self, key: str) -> Any:
        """Return the payload of the remote configuration *key*; None if it cannot be had.

        Raises:
            ValidationError: The key is no text, or empty.
            ConfigurationError: There is no `personal_api_key`.
        """
        self._check_key()
        return await self._asker.config(check_text("key", key))

    # The definitions.

    @property
    def is_ready(self) -> bool:
        """Whether there are definitions, so that flags are evaluated here."""
        return self._poller.definitions is not None

    @property
    def definitions_age(self) -> float | None:
        """Seconds since the definitions in use were known to be the server's; None without any."""
        return self._poller.age

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all flags that are defined here."""
        definitions = self._poller.definitions
        return () if definitions is None else definitions.keys

    async def reload(self) -> bool:
        """Fetch the definitions now, or read them from their file; return whether that went well.

        A poll that is under way is shared. Those that are here stay in use meanwhile, and if it
        fails. Cancelling this leaves the poll to itself.

        Raises:
            ConfigurationError: There is neither a `personal_api_key` nor `flag_definitions`.
        """
        if not self._wire.may_poll and self._wire.given is not None:
            return await self._load_or_say()
        self._check_key()
        return await self._poller.reload()

    async def ready(self, timeout: float = 10.0) -> bool:
        """Wait until there are definitions; return whether there are.

        Args:
            timeout: Seconds.

        Raises:
            ConfigurationError: There is neither a `personal_api_key` nor `flag_definitions`.
        """
        with anyio.move_on_after(timeout):
            await self._prepare()
            while not self.is_ready:
                if self._poller.goes_on:
                    await self._poller.over()
                elif not await self.reload():
                    break
        return self.is_ready

    def watch(self, listener: Callable[[News], object]) -> Callable[[], None]:
        """Call *listener* whenever definitions come, change, are cleared, or fail to come.

        On the loop of the client; what it raises is logged.

        Returns:
            A function that ends this.
        """
        listeners = self._poller.listeners
        listeners[listener] = None
        return lambda: listeners.pop(listener, None)


def _nobody_said(decisions: Decisions, answer: RemoteFlags | None) -> bool:
    return decisions.must_ask and (answer is None or answer.failed)
