"""What the vendor's own package says: the real `posthog`, without network, by its private names."""

import datetime as real
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest import mock

import posthog.feature_flags as theirs
from posthog.client import Client

logging.getLogger("posthog").disabled = True


class Said(NamedTuple):
    """One answer of theirs; `error` names an exception that is none of their outcomes."""

    value: object
    payload: object
    reason: str | None
    stops: bool = False
    error: str = ""


class Oracle:
    """The real package, asked for single flags."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self._client = _client()
        flags = definitions["flags"]
        self._flags = {flag["key"]: flag for flag in flags}
        self._snapshot = {**definitions, "flags_by_key": self._flags}

    def ask(self, key: str, *, distinct_id: str, **call: Any) -> Said:
        """Return what theirs says of the flag *key*."""
        try:
            value = self._client._compute_flag_locally(
                self._flags[key], distinct_id, **call, _definition_snapshot=self._snapshot
            )
        except theirs.RequiresServerEvaluation as error:
            return Said(None, None, error.reason.value, stops=True)
        except theirs.InconclusiveMatchError as error:
            return Said(None, None, error.reason.value)
        except Exception as error:  # noqa: BLE001 - whatever it raises is what it says
            return Said(None, None, None, error=type(error).__name__)
        text = self._client._compute_payload_locally(
            key, value, _definition_snapshot=self._snapshot
        )
        return Said(value, _decoded(text), None)


def _decoded(text: object) -> object:
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return None


_clients: list[Any] = []


def _client() -> Any:
    if not _clients:
        _clients.append(Client("phc_none", host="http://127.0.0.1:9", send=False, sync_mode=True))
    return _clients[0]


@contextmanager
def at(moment: real.datetime) -> Iterator[None]:
    """Stop their clock: they read it themselves."""

    class Stopped(real.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return moment.astimezone(tz) if tz else moment.replace(tzinfo=None)

    stopped = mock.Mock(wraps=real)
    stopped.datetime = Stopped
    stopped.date = real.date
    stopped.timezone = real.timezone
    stopped.timedelta = real.timedelta
    with mock.patch.object(theirs, "datetime", stopped):
        yield
