"""What a flag hands out beside its value: JSON, decoded once, and never shared."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import TypeAlias

import msgspec

from asyncsdk.flags.calls import Call, Properties
from asyncsdk.flags.outcomes import Evaluation

#: Decides for a bucketing value, as UTF-8, and the properties that go with it: an outcome, always.
Decision: TypeAlias = Callable[[bytes, Properties, Call | None], Evaluation]


class Payloads:
    """The payloads of one flag by what they belong to.

    Attributes:
        can_change: Some are lists or objects, which whoever gets them may change.
    """

    def __init__(self, definition: object) -> None:
        texts = definition if isinstance(definition, dict) else {}
        self._decoded = {name: _decoded(payload) for name, payload in texts.items()}
        self.can_change: bool = any(isinstance(one, list | dict) for one in self._decoded.values())

    def of(self, value: bool | str) -> object:  # noqa: FBT001
        """Return the payload of *value*, or None."""
        return self._decoded.get(value if isinstance(value, str) else str(value).lower())

    def own(self, value: bool | str) -> object:  # noqa: FBT001
        """Return the payload of *value*, which is the caller's to change."""
        return deepcopy(self.of(value))

    def apart(self, decide: Decision) -> Decision:
        """Return *decide* so that each outcome has a payload of its own."""
        if not self.can_change:
            return decide

        def decide_apart(value: bytes, properties: Properties, call: Call | None) -> Evaluation:
            found = decide(value, properties, call)
            if not isinstance(found.payload, list | dict):
                return found
            return msgspec.structs.replace(found, payload=deepcopy(found.payload))

        return decide_apart


NO_PAYLOADS = Payloads(None)


def _decoded(payload: object) -> object:
    """Decode JSON text; text that is none is no payload."""
    if not isinstance(payload, str):
        return payload
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return None
