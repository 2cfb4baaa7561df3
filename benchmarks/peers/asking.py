"""Asking: one question to one client, from the server's start to the answer."""

from __future__ import annotations

import json
import signal
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.peers.children import Ended, run
from benchmarks.peers.programs.task import Task
from benchmarks.peers.questions import CALLS, EVENTS, LONGEST, OURS, QUEUE, SLOW, VALUES, Answer
from benchmarks.peers.server import Server, running

_MODULES = {
    OURS: "ours",
    "rudder-sdk-python": "rudder",
    "segment-analytics-python": "segment",
    "posthog": "posthog_threads",
    "AsyncPosthog": "posthog_async",
}

#: Seconds for programs that end by themselves, however slowly.
_WITHIN = 30.0

# 03:04:05 in New York, in winter; and the same digits in UTC.
_MEANT, _AS_UTC = "2026-01-02T08:04:05", "2026-01-02T03:04:05"


async def ask(key: str, client: str) -> Answer:
    """Return the answer of *client* to the question *key*.

    Raises:
        RuntimeError: The client could not be installed or did not start.
    """
    return await _ASKS[key](key, client)


def _task(client: str, act: str, port: int, **more: Any) -> Task:
    return Task(act=act, client=_MODULES[client], port=port, **more)


def _with_said(ended: Ended) -> str:
    """Tell whether anything was said on stderr."""
    return f", {_lines(len(ended.said))}" if ended.said else ", silently"


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count:,} lines"


async def _exit(key: str, client: str) -> Answer:
    async with running() as server:
        task = _task(client, "exit_normally", server.port, events=EVENTS)
        ended = await run(client, task, within=_WITHIN)
        return _arrived(key, client, server, ended)


def _arrived(key: str, client: str, server: Server, ended: Ended) -> Answer:
    """Count the events that arrived; what came twice is not more."""
    names = server.names()
    arrived = len(set(names))
    text = f"{arrived} of {EVENTS}"
    if len(names) > arrived:
        text += f", {len(names) - arrived} twice"
    if arrived < EVENTS:
        text += _with_said(ended)
    return Answer(key=key, client=client, text=text, value=arrived)


async def _sigterm(key: str, client: str) -> Answer:
    answer = await _terminated(key, client, signals=client == OURS)
    if client != OURS:
        return answer
    without = await _terminated(key, client, signals=False)
    more = {"option": "handle_signals=True", "without it": without.text}
    text = f"{answer.text} ({without.value:.0f} without)"
    return Answer(key=key, client=client, text=text, value=answer.value, more=more)


async def _terminated(key: str, client: str, *, signals: bool) -> Answer:
    async with running() as server:
        task = _task(client, "be_ended", server.port, events=EVENTS, signals=signals)
        ended = await run(client, task, within=_WITHIN, send=signal.SIGTERM)
        return _arrived(key, client, server, ended)


async def _fork(key: str, client: str) -> Answer:
    queued = key == "fork_queued"
    async with running() as server:
        task = _task(client, "fork", server.port, queued=queued)
        ended = await run(client, task, within=_WITHIN)
        wanted = ("before", "parent", "child") if queued else ("parent", "child")
        counts = Counter(server.names())
    hung = 1 if ended.late or ended.told is None else ended.told.hung
    wrong = [_fared(name, counts[name]) for name in wanted if counts[name] != 1]
    text = ", ".join(wrong + ["hangs"] * hung) or "each once"
    return Answer(key=key, client=client, text=text, value=len(wrong) + hung)


def _fared(name: str, count: int) -> str:
    return f"{name} lost" if not count else f"{name} {count} times"


@contextmanager
def _refusing() -> Iterator[int]:
    """Hold a port at which nobody listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


async def _dead(key: str, client: str) -> Answer:
    events = int(key.rpartition("_")[2])
    with _refusing() as port:
        ended = await run(client, _task(client, "shut_down", port, events=events), within=LONGEST)
    if ended.told is None:
        return Answer(key=key, client=client, text=f"> {LONGEST:.0f} s", value=LONGEST)
    seconds = ended.told.seconds
    return Answer(key=key, client=client, text=f"{seconds:.2f} s", value=seconds)


async def _full(key: str, client: str) -> Answer:
    async with running(None) as server:
        task = _task(client, "overfill", server.port, events=CALLS, queue=QUEUE)
        told = (await run(client, task, within=_WITHIN)).told
    if told is None:
        return Answer(key=key, client=client, text="hangs", value=None)
    text = f"{_lines(told.lines)}, {told.tells or 'nothing told'}"
    value = told.lines if told.lines and told.tells else None
    return Answer(key=key, client=client, text=text, value=value)


async def _stall(key: str, client: str) -> Answer:
    async with running(SLOW) as server:
        task = _task(client, "stall", server.port, events=10)
        told = (await run(client, task, within=_WITHIN)).told
    if told is None:
        return Answer(key=key, client=client, text="hangs", value=None)
    text = f"{told.seconds * 1e3:,.0f} ms"
    return Answer(key=key, client=client, text=text, value=told.seconds * 1e3)


async def _nan(key: str, client: str) -> Answer:
    async with running() as server:
        await run(client, _task(client, "say_nan", server.port), within=_WITHIN)
        valid, some = server.events(strictly=True), server.events()
    found = [event["properties"].get("number", "key deleted") for event in some]
    text = f"{len(valid)} of 3" + ("" if len(valid) == len(some) else ", invalid JSON")
    return Answer(
        key=key, client=client, text=text, value=len(valid), more={"numbers": repr(found)}
    )


async def _naive(key: str, client: str) -> Answer:
    async with running() as server:
        task = _task(client, "say_naive", server.port)
        ended = await run(client, task, within=_WITHIN, environ={"TZ": "America/New_York"})
        times = [event["timestamp"] for event in server.events()]
    came = times[0] if times else "nothing"
    instant = f"{came[11:19]}Z" if came.startswith((_MEANT, _AS_UTC)) else came
    told = bool(ended.said)
    value = told or came.startswith(_MEANT)
    text = f"{instant}, {'told' if told else 'not told'}"
    return Answer(key=key, client=client, text=text, value=int(value), more={"on the wire": came})


async def _values(key: str, client: str) -> Answer:
    async with running() as server:
        ended = await run(client, _task(client, "say_values", server.port), within=_WITHIN)
        events = {str(event.get("event")): event for event in server.events()}
    raised = ended.told.raised if ended.told is not None else {}
    more = {name: _came(events.get(name), raised.get(name)) for name in VALUES}
    lost = [name for name, came in more.items() if came in _NOTHING or came.startswith("raises")]
    count = len(VALUES) - len(lost)
    text = f"{count} of {len(VALUES)}"
    return Answer(key=key, client=client, text=text, value=count, more=more)


_NOTHING = ("lost", "key deleted", "null")


def _came(event: dict[str, Any] | None, raised: str | None) -> str:
    """Say as what a value came."""
    if raised is not None:
        return f"raises {raised}"
    if event is None:
        return "lost"
    properties = event.get("properties") or {}
    if "value" not in properties:
        return "key deleted"
    value = properties["value"]
    return json.dumps(value)


_ASKS: dict[str, Callable[[str, str], Awaitable[Answer]]] = {
    "exit": _exit,
    "sigterm": _sigterm,
    "fork": _fork,
    "fork_queued": _fork,
    "dead_10": _dead,
    "dead_300": _dead,
    "full": _full,
    "stall": _stall,
    "nan": _nan,
    "naive": _naive,
    "values": _values,
}
