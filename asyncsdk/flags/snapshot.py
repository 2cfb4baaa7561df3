"""A snapshot: all flags of one person, evaluated once and read many times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from asyncsdk.errors import ValidationError
from asyncsdk.flag_seams import Value
from asyncsdk.flags.results import FlagResult, as_properties

_NOTHING: Mapping[str, str] = {}


class FlagSnapshot:
    """The flags of one person, as they were when they were evaluated.

    Reading is in memory, and never waits. `is_enabled` and `get` report what they read, once each;
    `payload`, `values` and iteration report nothing. Give it to ``capture(…, flags=snapshot)``, and
    the event says which flags were on.

    Attributes:
        distinct_id: Whose flags they are.
        unresolved: The flags that nobody could decide, and why.
        error: What went wrong, as in ``$feature_flag_error``; empty when nothing did.
    """

    def __init__(
        self,
        distinct_id: str,
        results: Mapping[str, FlagResult],
        *,
        missing: FlagResult,
        unresolved: Mapping[str, str] = _NOTHING,
        tell: Callable[[FlagResult], None],
    ) -> None:
        self.distinct_id = distinct_id
        self.unresolved: Mapping[str, str] = unresolved
        self.error: str = missing.error.removesuffix("flag_missing").rstrip(",")
        self._results = results
        self._missing = missing
        self._tell = tell
        # This is all that changes.
        self._read: dict[str, None] = {}

    def get(self, key: str) -> Value | None:
        """Return whether *key* is on, or its variant; None if nobody could say."""
        return self._take(key).value

    def is_enabled(self, key: str) -> bool | None:
        """Return whether *key* is on, in whatever variant; None if nobody could say."""
        return self._take(key).enabled

    def payload(self, key: str) -> Any:
        """Return the payload of *key*, decoded; None if there is none."""
        return self.result(key).payload

    def result(self, key: str) -> FlagResult:
        """Return all that is known of *key*; that is no reading that is reported."""
        found = self._results.get(key)
        return self._unknown(key) if found is None else found

    def values(self) -> dict[str, Value]:
        """Return the values of all flags that could be decided."""
        return {key: one.value for key, one in self._results.items() if one.value is not None}

    def event_properties(self) -> dict[str, Any]:
        """Return the flags as an event's properties: ``$feature/<key>``, ``$active_feature_flags``."""
        return as_properties(self.values())

    def only(self, *keys: str) -> FlagSnapshot:
        """Return a snapshot of these flags alone, for an event that is about no others."""
        wanted = {key: self._results[key] for key in keys if key in self._results}
        return self._narrowed(wanted)

    def only_read(self) -> FlagSnapshot:
        """Return a snapshot of the flags that were read so far."""
        return self._narrowed({key: self._results[key] for key in self._read})

    def _narrowed(self, results: Mapping[str, FlagResult]) -> FlagSnapshot:
        return FlagSnapshot(
            self.distinct_id,
            results,
            missing=self._missing,
            unresolved=self.unresolved,
            tell=self._tell,
        )

    def _take(self, key: str) -> FlagResult:
        if not isinstance(key, str):
            raise ValidationError(f"key: a text is needed, this is {type(key).__name__}")
        found = self._results.get(key)
        if found is None:
            found = self._unknown(key)
        else:
            self._read[key] = None
        self._tell(found)
        return found

    def _unknown(self, key: str) -> FlagResult:
        missing = self._missing
        return FlagResult(
            key=key,
            reason=self.unresolved.get(key, missing.reason),
            error=missing.error,
            request_id=missing.request_id,
            evaluated_at=missing.evaluated_at,
        )

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys of all flags that could be decided."""
        return iter(self._results)

    def __len__(self) -> int:
        """Return how many flags could be decided."""
        return len(self._results)

    def __contains__(self, key: object) -> bool:
        """Say whether *key* could be decided."""
        return key in self._results

    def __repr__(self) -> str:
        """Show how much is in it, never whose it is."""
        return f"<FlagSnapshot of {len(self._results)} flags>"
