"""Local: what definitions say of a question, with what the client adds to it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from asyncsdk.flag_seams import Question, Value
from asyncsdk.flags.definitions import Definitions, evaluate
from asyncsdk.flags.flag import Flag
from asyncsdk.flags.outcomes import MISSING, Evaluation
from asyncsdk.flags.results import EVALUATED_LOCALLY, SWITCHED_OFF, FlagResult

#: Flags that are decided in one step of the loop: about half a millisecond.
_AT_ONCE = 200


def decide(definitions: Definitions, key: str, question: Question) -> Evaluation:
    """Say what the flag *key* is for the person in question."""
    try:
        return evaluate(
            definitions,
            key,
            question.distinct_id,
            groups=question.groups,
            person_properties=facts_of(question),
            group_properties=question.group_facts(),
            device_id=question.device,
        )
    except Exception:  # noqa: BLE001 - values of the caller's may make Python raise anything
        return MISSING


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
        if self._definitions is not None:
            for _ in self._steps(self._definitions):
                pass

    async def in_pieces(self) -> None:
        """Decide, and let the loop run now and then."""
        if self._definitions is not None:
            steps = self._steps(self._definitions)
            next(steps, None)  # most projects need no more than one
            for _ in steps:
                await asyncio.sleep(0)

    def _steps(self, definitions: Definitions) -> Iterator[None]:
        flags, keys = definitions.flags, self._question.keys
        if keys is None:
            wanted = list(flags.values())
        else:
            wanted = [flags[key] for key in keys if key in flags]
            self.unresolved.update((key, "flag_missing") for key in keys if key not in flags)
        others: list[str] = []
        for begin in range(0, len(wanted), _AT_ONCE):
            others += self._decide(wanted[begin : begin + _AT_ONCE])
            yield
        for number, (key, one) in enumerate(_each(definitions, self._question, others), 1):
            if one.value is None:
                self.unresolved[key] = one.reason or "unsupported_definition"
            else:
                self.found[key] = one
            if number % _AT_ONCE == 0:
                yield

    def _decide(self, flags: Sequence[Flag]) -> list[str]:
        """Decide those that look at a person's properties alone; return the keys of the others."""
        found, others = self.found, []
        facts = facts_of(self._question)
        try:
            person = self._question.distinct_id.encode()
        except UnicodeError:  # half a character; `_each` has the words for it
            return [flag.key for flag in flags]
        for flag in flags:
            direct = flag.direct
            if direct is None:
                others.append(flag.key)
                continue
            try:
                one = direct(person, facts, None)
            except Exception:  # noqa: BLE001 - as above
                one = MISSING
            if one.value is None:
                self.unresolved[flag.key] = one.reason or "unsupported_definition"
            else:
                found[flag.key] = one
        return others

    def values(self) -> dict[str, Value]:
        """Return the values of what could be decided."""
        return {key: one.value for key, one in self.found.items()}  # type: ignore[misc]  # none is None

    def results(self) -> dict[str, FlagResult]:
        """Return all that is known of what could be decided."""
        definitions = self._definitions
        if definitions is None:
            return {}
        return {key: local_result(definitions, key, one) for key, one in self.found.items()}


def _each(
    definitions: Definitions, question: Question, keys: list[str]
) -> Iterator[tuple[str, Evaluation]]:
    """Decide flags that share what they find out; one that breaks is undecided."""
    done = 0
    while done < len(keys):
        evaluations = definitions.each(
            question.distinct_id,
            keys=keys[done:],
            groups=question.groups,
            person_properties=facts_of(question),
            group_properties=question.group_facts(),
            device_id=question.device,
        )
        try:
            for key, one in evaluations:
                done += 1
                yield key, one
            return
        except Exception:  # noqa: BLE001 - as above
            yield keys[done], MISSING
            done += 1


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
