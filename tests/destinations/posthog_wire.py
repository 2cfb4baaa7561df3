"""Recorded calls of PostHog's SDKs, the same calls made through our API, and whether they are alike.

A fixture names a call in its SDK's own words, or not at all: then its events say what was called.
What is ours on purpose in every event stands in `as_ours`, in every request in `problems_of`; what
is so in a single case stands in the table of the tests. Ids and times that were not given are
compared by their form alone.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from asyncsdk import AsyncAnalytics, Delivery, PostHog
from asyncsdk.version import __version__
from asyncsdk.wire.times import format_time
from tests.destinations.comparing import compare, form_of
from tests.destinations.recorder import Recorded, recording, said_json
from tests.destinations.wire import FIXTURES, snake

HOG = FIXTURES / "posthog"
SDKS = ("node", "python", "python_async")

#: What posthog-python says of the machine in events that are captured.
_OF_THE_MACHINE = ("$python_runtime", "$python_version", "$os", "$os_version", "$os_distro")
_OF_THE_SDK = ("$lib", "$lib_version", "$is_server", "$geoip_disable", *_OF_THE_MACHINE)


class HogCall(Struct, frozen=True):
    """One call in the words of its SDK; without arguments, its events say them."""

    method: str
    args: dict[str, Any] | list[Any] | None = None


class HogSent(Struct, frozen=True):
    """One request of the real SDK."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any = None


class HogFixture(Struct, frozen=True):
    """What the real SDK did; `sdk` and `case` are read from where the fixture lies."""

    call: HogCall
    options: dict[str, Any]
    requests: list[HogSent]
    sdk: str = ""
    case: str = ""

    @property
    def args(self) -> dict[str, Any]:
        """The call's arguments by name."""
        return self.call.args if isinstance(self.call.args, dict) else {}

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events that were sent, in order."""
        bodies = [sent.body for sent in self.requests if "batch" in (sent.body or {})]
        return [event for body in bodies for event in body["batch"]]


def load_hog(folder: Path = HOG) -> Iterator[HogFixture]:
    """Yield every fixture in *folder*, by SDK."""
    for sdk in SDKS:
        for path in sorted((folder / sdk).glob("*.json")):
            fixture = msgspec.json.decode(path.read_bytes(), type=HogFixture)
            yield msgspec.structs.replace(fixture, sdk=sdk, case=path.stem)


def as_ours(event: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return an event of theirs with what is ours on purpose in every event.

    Args:
        event: As it was sent.
        given: What the caller gave, in our spelling: its ids and times are compared as they are.
    """
    own = {
        name: value for name, value in event["properties"].items() if name not in _OF_THE_MACHINE
    }
    nobody = "distinct_id" not in given and "$process_person_profile" in own
    return {
        **event,
        "properties": {**own, "$lib": "asyncsdk", "$lib_version": __version__},
        "timestamp": _time(event["timestamp"]) if "timestamp" in given else "<time>",
        "uuid": event["uuid"] if "uuid" in given else "<id>",
        "distinct_id": "<id>" if nobody else event["distinct_id"],
    }


def _time(text: str) -> str:
    """Return a time of either SDK as ours: posthog-python writes microseconds and an offset."""
    return format_time(datetime.fromisoformat(text))


def given_in(fixture: HogFixture) -> Iterator[dict[str, Any]]:
    """Yield the arguments of each recorded call, in our spelling."""
    if fixture.args:
        yield {snake(name): value for name, value in fixture.args.items()}
        return
    others = (*_OF_THE_SDK, *fixture.options.get("super_properties", ()))
    for event in fixture.events:
        own = {name: v for name, v in event["properties"].items() if name not in others}
        yield {name: v for name, v in event.items() if name != "options"} | {"properties": own}


class HogSeen(Struct, frozen=True):
    """What ours did for the same calls."""

    requests: list[Recorded]

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events that were sent, in order."""
        return [event for one in self.requests for event in one.json["batch"]]


def hog_for(fixture: HogFixture, url: str) -> PostHog:
    """Make the destination that the fixture's options describe."""
    options = fixture.options
    return PostHog(
        options["api_key"],
        host=options["host"].replace("http://HOST", url),
        historical_migration=options.get("historicalMigration", False),
        disable_geoip=options.get("disable_geoip", True),
        delivery=Delivery(gzip=not options.get("disableCompression", False)),
    )


async def repeat_hog(fixture: HogFixture) -> HogSeen:
    """Make the fixture's calls through our API, against a server that records."""
    async with recording(lambda _: said_json(200, {"status": "Ok"})) as server:
        async with AsyncAnalytics(hog_for(fixture, server.url)) as client:
            for given in given_in(fixture):
                say_hog(client, fixture.call.method, given)
        return HogSeen(server.requests)


def say_hog(client: AsyncAnalytics, method: str, given: dict[str, Any]) -> None:
    """Make the call that the *method* of an SDK is here."""
    _SAY[re.sub(r"( x\d+| \(.*\))$", "", method)](client, dict(given))


def _capture(client: AsyncAnalytics, given: dict[str, Any]) -> None:
    given["message_id"] = given.pop("uuid", None)
    client.capture(given.pop("event"), given.pop("distinct_id", None), **given)


def _identify(client: AsyncAnalytics, given: dict[str, Any]) -> None:
    client.identify(given["distinct_id"], traits=given["properties"])


def _set_once(client: AsyncAnalytics, given: dict[str, Any]) -> None:
    client.identify(given["distinct_id"], traits={"$set_once": given["properties"]})


def _set_both(client: AsyncAnalytics, given: dict[str, Any]) -> None:
    facts = {"$set": given["properties"], "$set_once": given["properties_once"]}
    client.capture("$set", given["distinct_id"], facts)


def _alias(client: AsyncAnalytics, given: dict[str, Any]) -> None:
    before = given["alias"] if "alias" in given else given["previous_id"]
    client.alias(user_id=given["distinct_id"], previous_id=before)


def _group_identify(client: AsyncAnalytics, given: dict[str, Any]) -> None:
    given["user_id"] = given.pop("distinct_id", None)
    client.group_identify(**given)


def _capture_exception(client: AsyncAnalytics, given: dict[str, Any]) -> None:
    client.capture_exception(boom(), given["distinct_id"])


_SAY: dict[str, Callable[[AsyncAnalytics, dict[str, Any]], None]] = {
    "capture": _capture,
    "captureImmediate": _capture,
    "capture_immediate": _capture,
    "identify": _identify,
    "set_once": _set_once,
    "setPersonProperties": _set_both,
    "alias": _alias,
    "groupIdentify": _group_identify,
    "group_identify": _group_identify,
    "captureException": _capture_exception,
    "capture_exception": _capture_exception,
}

#: Where the recorded error was raised, and how.
_PLACE, _SOURCE = "/app/app.py", ["def fail():\n", '    raise ValueError("boom")\n']


def boom() -> Exception:
    """Return the error that was recorded, as it comes out of the application's own file."""
    linecache.cache[_PLACE] = (0, None, _SOURCE, _PLACE)
    module: dict[str, Any] = {"__name__": "app"}
    exec(compile("".join(_SOURCE), _PLACE, "exec"), module)  # noqa: S102 - it is above
    with pytest.raises(ValueError, match="boom") as caught:
        module["fail"]()
    traceback = caught.value.__traceback__
    return caught.value.with_traceback(None if traceback is None else traceback.tb_next)


def problems_of(fixture: HogFixture, events: list[dict[str, Any]], seen: HogSeen) -> list[str]:
    """Return where ours did not send *events*, or not as the real SDK sends them.

    Compression is the Node SDK's (the Python one's is off unless asked for), and so is
    `historical_migration`, which stands there only when it is true.
    """
    found = list(compare(events, seen.events))
    migration = {"historical_migration": True} if "historicalMigration" in fixture.options else {}
    plain = fixture.options.get("disableCompression", False)
    head: dict[str, str | None] = {
        "method": "POST",
        "path": "/batch/",
        "content-type": "application/json",
    }
    head |= {"content-encoding": None if plain else "gzip", "user-agent": f"asyncsdk/{__version__}"}
    envelope = {"api_key": fixture.options["api_key"], "batch": "<list>", "sent_at": "<time>"}
    for ours in seen.requests:
        said: dict[str, str | None] = {"method": ours.method, "path": ours.path}
        said |= {name: ours.headers.get(name) for name in head if name not in said}
        found += compare(head, said, "request")
        found += compare({**envelope, **migration}, ours.json | {"batch": "<list>"}, "envelope")
        assert form_of(ours.json["sent_at"]) == "<time>"
    return found if len(seen.requests) == 1 else [*found, f"{len(seen.requests)} requests"]


def expected_of(fixture: HogFixture) -> list[dict[str, Any]]:
    """Return the events that the real SDK sent, with what is ours in every case."""
    given = list(given_in(fixture))
    many = given * len(fixture.events) if len(given) == 1 else given
    return [as_ours(event, one) for event, one in zip(fixture.events, many, strict=True)]
