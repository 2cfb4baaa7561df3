"""A server for flags that follows a script, and clients of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from asyncsdk import PostHog
from tests.destinations.recorder import Recorded, Recorder, recording, said, said_json

KEY = "phc_planted-project-key-1234567890"
SECRET = "phs_planted-secret-key-1234567890"

#: What is answered: a status and a JSON value, or the bytes of a whole answer; None never answers.
Said = tuple[int, object] | bytes | None


def flag(key: str, *, number: int = 1, share: float = 100, **more: Any) -> dict[str, Any]:
    """Define a flag that is on for a share of all persons."""
    groups = [{"properties": [], "rollout_percentage": share}]
    filters = {"groups": groups, **more.pop("filters", {})}
    return {"id": number, "key": key, "active": True, "version": 1, "filters": filters, **more}


def for_plan(key: str, plan: str, **more: Any) -> dict[str, Any]:
    """Define a flag that is on for persons of a plan, so that who has none must be asked about."""
    wanted = {"key": "plan", "value": plan, "operator": "exact", "type": "person"}
    return flag(
        key, filters={"groups": [{"properties": [wanted], "rollout_percentage": 100}]}, **more
    )


def definitions(*flags: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a definitions answer."""
    return {"flags": list(flags), "group_type_mapping": {"0": "company"}, "cohorts": {}, **more}


def as_file(*flags: dict[str, Any], **more: Any) -> bytes:
    """Return what is in a file of definitions."""
    return json.dumps(definitions(*flags, **more)).encode()


def record(key: str, value: bool | str, **metadata: Any) -> dict[str, Any]:  # noqa: FBT001
    """Return what `/flags/` says of one flag."""
    return {
        "key": key,
        "enabled": value is not False,
        "variant": value if isinstance(value, str) else None,
        "reason": {"code": "condition_match", "description": "Matched condition set 1"},
        "metadata": {"id": 7, "version": 3, "payload": None, **metadata},
    }


def flags_answer(*records: dict[str, Any], **more: Any) -> tuple[int, object]:
    """Return an answer of `/flags/`."""
    flags = {one["key"]: one for one in records}
    return 200, {"flags": flags, "requestId": "r-1", "evaluatedAt": 1_767_323_045_678, **more}


class Server:
    """Says what it is told: to each address the next answer of its script, the last one for ever."""

    def __init__(self, flags: list[Said], polls: list[Said]) -> None:
        # This is all that changes.
        self.flags = flags
        self.polls = polls
        self.gate = asyncio.Event()  # definitions are held back while it is cleared
        self.gate.set()
        self.recorder = Recorder()

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.recorder.url

    async def __call__(self, request: Recorded) -> bytes | None:
        """Answer one request."""
        if request.path.startswith("/batch/"):
            return said_json(200, {"status": "Ok"})
        asks = request.path.startswith("/flags/?")
        if not asks:
            await self.gate.wait()
        script = self.flags if asks else self.polls
        answer = script.pop(0) if len(script) > 1 else script[0]
        if answer is None:
            await asyncio.sleep(60)
        if isinstance(answer, tuple):
            return said_json(answer[0], answer[1])
        return answer

    def of(self, path: str) -> list[Recorded]:
        """The requests to an address that begins like this."""
        return [one for one in self.recorder.requests if one.path.startswith(path)]

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The questions about flags."""
        return [one.json for one in self.of("/flags/?")]

    @property
    def polled(self) -> list[Recorded]:
        """The questions for definitions."""
        return self.of("/flags/definitions")

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events that arrived, in order."""
        return [event for one in self.of("/batch/") for event in one.json["batch"]]

    def told(self) -> list[tuple[str, object, str | None]]:
        """Which flags were reported: key, value and what went wrong."""
        own = [one["properties"] for one in self.events if one["event"] == "$feature_flag_called"]
        names = ("$feature_flag", "$feature_flag_response", "$feature_flag_error")
        return [(one[names[0]], one.get(names[1]), one.get(names[2])) for one in own]

    def hog(self, **fields: Any) -> PostHog:
        """Return a destination here, with a key for definitions."""
        defaults = {"host": self.url, "personal_api_key": SECRET, "flags_timeout": 0.5}
        return PostHog(KEY, **{**defaults, **fields})


Serve = Callable[..., Awaitable[Server]]


@asynccontextmanager
async def answering(
    *, flags: list[Said] | None = None, polls: list[Said] | None = None
) -> AsyncIterator[Server]:
    """Run a server; without scripts, of one flag that is on and no other."""
    on = flags_answer(record("there", value=True))
    server = Server(flags or [on], polls or [(200, definitions(flag("here")))])
    async with recording(server) as server.recorder:
        yield server


def with_tag(content: object, tag: str) -> bytes:
    """Return an answer in JSON that has an ETag."""
    return said_json(200, content, ETag=tag)


def refusal(status: int, **headers: str) -> bytes:
    """Return an answer without content."""
    return said(status, b"", **headers)
