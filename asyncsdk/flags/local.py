"""Local: what definitions say of a question, with what the client adds to it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from asyncsdk.flag_seams import Question, Value
from asyncsdk.flags.definitions import Definitions, evaluate
from asyncsdk.flags.outcomes import Evaluation
from asyncsdk.flags.results import EVALUATED_LOCALLY, SWITCHED_OFF, FlagResult

#: Flags that are decided in one step of the loop: about half a millisecond.
_AT_ONCE = 200


def decide(definitions: Definitions, key: str, question: Question) -> Evaluation:
    """Say what the flag *key* is for the person in question."""
    return evaluate(
        definitions,
        key,
        question.distinct_id,
        groups=question.groups,
        person_properties=facts_of(question),
        group_properties=question.group_facts(),
        device_id=question.device,
    )


def facts_of(question: Question) -> Mapping[str, object]:
    """Return the properties of the person, the id among them."""
    return {"distinct_id": question.distinct_id, **question.person_properties}


class Decisions:
    """What definitions say of all flags, or of those that are asked for.

    Attributes:
        found: The evaluations of those that could be decided, by key.
        unresolved: Why the others could not.
    """

    def __init__(self, definitions: Definitions | None, question: Question) -> None:
        self._definitions = definitions
        self._question = question
        # This is all that changes.
        self.found: dict[str, Evaluation] = {}
        self.unresolved: dict[str, str] = {}

    @property
    def must_ask(self) -> bool:
        """Whether only the server can say the rest."""
        return self._definitions is None or bool(self.unresolved)

    def at_once(self) -> None:
        """Decide everything in one step."""
        for _ in self._steps():
            pass

    async def in_pieces(self) -> None:
        """Decide, and let the loop run now and then."""
        for _ in self._steps():
            await asyncio.sleep(0)

    def _steps(self) -> Iterator[None]:
        definitions, question = self._definitions, self._question
        if definitions is None:
            return
        flags, others = definitions.flags, []
        person, facts = question.distinct_id, facts_of(question)
        left = _AT_ONCE
        # The usual ones without a detour: those that look at a person's properties alone.
        for key in flags if question.keys is None else question.keys:
            direct = flags[key].direct if key in flags else None
            if direct is None:
                others.append(key)
                continue
            try:
                self._take(key, direct(person, facts, None))
            except Exception:  # noqa: BLE001 - values of the caller's may make Python raise anything
                self.unresolved[key] = "missing_context"
            left -= 1
            if not left:
                left = _AT_ONCE
                yield
        if others:
            yield from self._decide_others(definitions, others)

    def _take(self, key: str, one: Evaluation) -> None:
        if one.value is None:
            self.unresolved[key] = one.reason or "unsupported_definition"
        else:
            self.found[key] = one

    def _decide_others(self, definitions: Definitions, keys: list[str]) -> Iterator[None]:
        left = _AT_ONCE
        for key, one in _each(definitions, self._question, keys):
            self._take(key, one)
            left -= 1
            if not left:
                left = _AT_ONCE
                yield
        for key in keys:
            if key not in definitions.flags:
                self.unresolved[key] = "flag_missing"

    def values(self) -> dict[str, Value]:
        """Return the values of what could be decided."""
        return {key: one.value for key, one in self.found.items() if one.value is not None}

    def results(self) -> dict[str, FlagResult]:
        """Return all that is known of what could be decided."""
        definitions = self._definitions
        if definitions is None:
            return {}
        return {key: local_result(definitions, key, one) for key, one in self.found.items()}


def _each(
    definitions: Definitions, question: Question, keys: list[str]
) -> Iterator[tuple[str, Evaluation]]:
    return definitions.each(
        question.distinct_id,
        keys=keys,
        groups=question.groups,
        person_properties=facts_of(question),
        group_properties=question.group_facts(),
        device_id=question.device,
    )


def local_result(definitions: Definitions, key: str, found: Evaluation) -> FlagResult:
    """Return all that is known of a flag that was decided here."""
    flag = definitions.flags[key]
    return FlagResult(
        key=key,
        value=found.value,
        payload=found.payload,
        reason=EVALUATED_LOCALLY,
        code=None if flag.active else SWITCHED_OFF,
        source="local",
        id=flag.id if isinstance(flag.id, int) else None,
        version=flag.version if isinstance(flag.version, int) else None,
        has_experiment=flag.has_experiment,
        minimal=definitions.minimal_flag_called_events,
    )
