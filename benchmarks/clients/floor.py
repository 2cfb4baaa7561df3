"""The floor: the cheapest Python that delivers the same bytes, and nothing else.

A `track()` that makes a message id and a time and encodes the same event with msgspec; then join,
compress as we do, and post by one blocking socket. It checks nothing, keeps nothing, repeats nothing and settles
nothing: no SDK can be as cheap, but the distance to it is what an SDK's promises cost.
"""

from __future__ import annotations

import socket
import time
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count, islice
from random import getrandbits
from typing import Any

import msgspec
from msgspec import Struct

from asyncsdk.version import __version__
from benchmarks.clients.task import Task, answer, read
from benchmarks.plays.burst import Figures, Stopwatch
from benchmarks.workload import Call, calls

#: As many events as fit into a body of ours.
MERGED = 720

_LIBRARY = {"name": "asyncsdk", "version": __version__}
_OK = b"HTTP/1.1 200 "
_GZIP = 16 + zlib.MAX_WBITS
_encode = msgspec.json.Encoder().encode


class _Event(Struct):
    """The wire form of a track call."""

    type: str
    channel: str
    context: dict[str, Any]
    messageId: str  # noqa: N815 - wire spelling
    originalTimestamp: str  # noqa: N815
    userId: str  # noqa: N815
    event: str
    properties: dict[str, Any]


class Stamps:
    """Make message ids and times; both are cached for the millisecond that made them."""

    def __init__(self) -> None:
        # This is all that changes.
        self._ms = -1
        self._prefix = self.text = ""
        self._next = count().__next__

    def new_id(self) -> str:
        """Return a fresh id; `text` is the time that goes with it."""
        ms = time.time_ns() // 1_000_000
        if ms != self._ms:
            self._turn(ms)
        return f"{self._prefix}{self._next():07x}"

    def _turn(self, ms: int) -> None:
        self._ms = ms
        head = f"{ms:012x}"
        self._prefix = f"{head[:8]}-{head[8:]}-7{getrandbits(12):03x}-8{getrandbits(12):03x}-"
        self._prefix += f"{getrandbits(20):05x}"
        moment = datetime.fromtimestamp(ms / 1000, UTC)
        self.text = f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"
        self._next = count(getrandbits(26)).__next__


def make_track(stamps: Stamps, keep: Callable[[bytes], None]) -> Callable[..., str]:
    """Return the cheapest `track()`: it encodes, keeps the event and returns its message id."""
    new_id = stamps.new_id

    def track(
        event: str, *, user_id: str, properties: dict[str, Any], context: dict[str, Any]
    ) -> str:
        message_id = new_id()
        wire = _Event(
            "track",
            "server",
            {**context, "library": _LIBRARY},
            message_id,
            stamps.text,
            user_id,
            event,
            properties,
        )
        keep(_encode(wire)[:-1])  # its closing brace follows when it is sent
        return message_id

    return track


def make_all(todo: Sequence[Call], stamps: Stamps) -> list[bytes]:
    """Make all calls, and return their events."""
    made: list[bytes] = []
    track = make_track(stamps, made.append)
    for user_id, event, properties, context in todo:
        track(event, user_id=user_id, properties=properties, context=context)
    return made


def join(events: Sequence[bytes], sent_at: str) -> bytes:
    """Join *events* to a body, each closed with its `sentAt`."""
    stamp = b',"sentAt":"%s"' % sent_at.encode()
    tail = b'%s}],"timestamp":"%s"%s}' % (stamp, sent_at.encode(), stamp)
    return b"".join((b'{"batch":[', (stamp + b"},").join(events), tail))


def find_gzip() -> Callable[[bytes], bytes]:
    """Return the fastest gzip at hand: isal at level 1, else zlib at level 1."""
    try:
        from isal import igzip
    except ImportError:
        return _gzip_zlib
    return lambda body: igzip.compress(body, 1, mtime=0)


def _gzip_zlib(body: bytes) -> bytes:
    press = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
    return press.compress(body) + press.flush()


class Line:
    """One blocking connection to the sink."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = (
            f"POST /v1/batch HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Basic YTo=\r\n"
            "Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: "
        ).encode()

    def post(self, packed: bytes) -> None:
        """Send one body and wait for its answer.

        Raises:
            ConnectionError: There was none, or it was no 200.
        """
        self._socket.sendall(b"%s%d\r\n\r\n%s" % (self._head, len(packed), packed))
        said = self._socket.recv(4096)
        while said and not said.endswith(b"}"):
            said += self._socket.recv(4096)
        if not said.startswith(_OK):
            raise ConnectionError("the sink did not take a body")

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def run(task: Task) -> Figures:
    """Send the workload and return what it took."""
    todo = iter(list(calls(task.data, task.events)))
    size = task.batch or MERGED
    watch = Stopwatch()
    stamps, gzip = Stamps(), find_gzip()
    line = Line(task.port)
    making = 0.0
    watch.start()
    while some := list(islice(todo, size)):
        began = time.thread_time()
        events = make_all(some, stamps)
        making += time.thread_time() - began
        line.post(gzip(join(events, stamps.text)))
    line.close()
    watch.count_calls(making)
    return watch.stop()


if __name__ == "__main__":
    answer(run(read()))
