"""The collector: an aiohttp shell around the pure rooms. It holds no rules of any system.

One request: read (bounded) → unpack (bounded) → choose a fault → judge → note → answer, where the
answer may be late, cut or missing. Events are noted *before* a delay: a slow server has taken them
although its client may no longer be there to hear it.

Two states, moved by `start` and `stop` alone: stopped (`_runner` is None) and running. `_stopping`
is set first of all when stopping, and ends every wait of a hanging or delayed request.
"""

import asyncio
import random
import time
import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import anyio
import msgspec
from aiohttp import web

from asyncsdk.collector import cutting, judging, pages, posthog, speaking
from asyncsdk.collector.answers import Answer
from asyncsdk.collector.cases import Desk
from asyncsdk.collector.faults import OF_FLAGS, WITHIN_ANSWER, Fault, Plan, Script, faulted_answer
from asyncsdk.collector.flag_book import FlagBook
from asyncsdk.collector.ledger import Event, Ledger, Received, Summary, masked_headers
from asyncsdk.collector.memory import Memory

_NO_BYTES_SENT = frozenset({"hang", "drop", "reset"})
_ANSWER_STAYS = WITHIN_ANSWER | {"drop_after_head", "truncate"}


class Collector:
    """Stands in for RudderStack, Segment, PostHog, GetFluxly and Inslytic on this machine.

    Made to be looked into: `requests`, `events` and `message_ids()` say what came, `script()` says
    what goes wrong. Start and stop it on one loop; it may be started again and then listens at
    the same address, like a server that was restarted.

    Args:
        host: A loopback name or address to listen at.
        port: 0 takes a free one.
        write_keys: The keys that are let in; None lets every non-empty key in.
        flag_definitions: PostHog's flags, as a file or its bytes; see `define_flags`.
        faults: The first fault script, see `script`; its clock starts with `start`.
        max_body_bytes: The largest body, also after inflation; more is 413.
        keep_events: How many of the newest events `events` holds.
        seed: What the shares of faults are drawn from.

    Raises:
        ValueError: *host* is not loopback, a bound is not positive, or the definitions are none.
        OSError: The definitions cannot be read.

    Source: rudder-server f2655fb gateway, `Gateway.maxReqSizeInKB` 4000, checked 2026-11.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        write_keys: Collection[str] | None = None,
        flag_definitions: str | Path | bytes | None = None,
        faults: Sequence[Fault] = (),
        max_body_bytes: int = 4_096_000,
        keep_events: int = 250_000,
        seed: int = 0,
    ) -> None:
        if not pages.is_loopback(host):
            raise ValueError(
                f"host is {host!r}; the collector has no protection and listens on loopback only: "
                'use "127.0.0.1", "::1" or "localhost"'
            )
        if max_body_bytes <= 0 or keep_events <= 0:
            raise ValueError("max_body_bytes and keep_events must be positive")
        # With "localhost" and port 0 the two address families would get different ports.
        self._host = "127.0.0.1" if host.lower() == "localhost" else host
        self._max_body_bytes = max_body_bytes
        self._seed = seed
        self._ledger = Ledger(keep_events=keep_events)
        self._memory = Memory()
        # Read for every request: they may be set at any time. None lets every non-empty key in.
        self.write_keys = write_keys
        self.personal_keys: Collection[str] | None = None  # they open flag definitions
        # This is all that changes; script(), define_flags(), start() and stop() change it.
        self._port = port
        self._runner: web.AppRunner | None = None
        self._stopping = asyncio.Event()
        self.define_flags(flag_definitions)
        self.script(*faults)

    @property
    def url(self) -> str:
        """Return the address, without a trailing slash; known once started.

        Raises:
            RuntimeError: The collector has no port yet.
        """
        if not self._port:
            raise RuntimeError("the collector has no address yet: start it first")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def requests(self) -> Sequence[Received]:
        """Return the newest 50,000 requests, oldest first; a live view until `clear`."""
        return self._ledger.requests

    @property
    def events(self) -> Sequence[Event]:
        """Return the newest `keep_events` accepted events; a live view until `clear`."""
        return self._ledger.events

    def message_ids(self, system: str | None = None) -> Counter[str]:
        """Count every accepted id, also of events no longer kept: for loss and duplicates.

        Args:
            system: Count what this system took; without it, what all of them took together.

        At most 1,000,000 different ids; `Summary.uncounted_ids` says how many came after that.
        """
        return self._ledger.ids(system)

    def summary(self) -> Summary:
        """Return the counts since the start or the last `clear`."""
        return self._ledger.summary()

    def clear(self) -> None:
        """Forget all requests, events, counts and idempotency keys; the fault script goes on."""
        self._ledger.clear()
        self._memory.clear()

    def script(self, *faults: Fault) -> None:
        """Replace the fault script; its clock, counters and chance start anew. None: no faults."""
        self._script = Script(faults, draw=random.Random(self._seed).random)
        self._script_began = time.monotonic()
        self._script_waits = self._runner is None

    def define_flags(
        self,
        definitions: str | Path | bytes | None = None,
        *,
        values: Mapping[str, bool | str] | None = None,
    ) -> None:
        """Replace PostHog's flags; what is asked for from now on is answered by these.

        Args:
            definitions: A file or its bytes, as `/flags/definitions` answers them; None: no flags.
            values: What flags are for everyone who asks `/flags/`, whatever their definitions say.

        Raises:
            ValueError: They are no definitions.
            OSError: The file cannot be read.
        """
        self._desk = Desk(
            accepts=self._accepts,
            accepts_personal=self._accepts_personal,
            fresh_id=_fresh_id,
            now=_now,
            now_ms=_now_ms,
            memory=self._memory,
            flags=FlagBook(definitions, values),
        )

    async def start(self) -> None:
        """Listen; return when requests are answered.

        Raises:
            RuntimeError: It is running already.
            OSError: The port is taken.
        """
        if self._runner is not None:
            raise RuntimeError("the collector is running already")
        self._stopping = asyncio.Event()
        self._runner = runner = speaking.runner(self._handle)
        try:
            await runner.setup()
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            self._runner = None
            await runner.cleanup()
            raise
        self._port = int(runner.addresses[0][1])
        if self._script_waits:
            self._script_began, self._script_waits = time.monotonic(), False

    async def stop(self) -> None:
        """Close every connection and stop listening; what was recorded stays readable.

        Hanging and delayed requests end without an answer. Stopping twice is nothing.
        """
        runner, self._runner = self._runner, None
        if runner is None:
            return
        self._stopping.set()
        await runner.cleanup()
        # Transports finish closing in the loop's next rounds; leave no socket open behind us.
        for _ in range(3):
            await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    def _accepts(self, key: str) -> bool:
        return bool(key) and (self.write_keys is None or key in self.write_keys)

    def _accepts_personal(self, key: str) -> bool:
        return bool(key) and (self.personal_keys is None or key in self.personal_keys)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.method in ("GET", "HEAD") and request.path in pages.PATHS:
            host = request.headers.get("Host", "")
            return speaking.response(
                pages.page(request.path, host=host, query=request.query, ledger=self._ledger)
            )
        return await self._receive(request)

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        arrived = time.monotonic()
        head = speaking.head_of(request)
        system = judging.system_of(head.path)
        answer = judging.answer_by_head(head, self._desk)
        wire_bytes, body = 0, b""
        # A fault stands in front of the server: it may look at the size of any body.
        if answer is None or self._script.faults:
            try:
                wire_bytes, body = await speaking.read(request, limit=self._max_body_bytes)
            except speaking.UnreadableBody as problem:
                wire_bytes = problem.wire_bytes
                said = system.words(413) if problem.too_large else system.broken_body()
                answer = answer or said
        elapsed = arrived - self._script_began
        size = len(body) or wire_bytes
        asks_flags = posthog.asks_flags(head.path)
        plan = self._script.choose(elapsed=elapsed, size=size, path=head.path, flags=asks_flags)
        answer = answer or system.judge(head, body, self._desk_for(plan))
        shown = _shown(plan, answer, system)
        self._note(request, arrived, plan, answer, shown, (wire_bytes, len(body)))
        return await self._respond(request, plan, shown)

    def _desk_for(self, plan: Plan) -> Desk:
        if plan.kind not in WITHIN_ANSWER:
            return self._desk
        return msgspec.structs.replace(
            self._desk,
            spoils=partial(self._script.spoil, plan),
            flag_trouble=plan.kind if plan.kind in OF_FLAGS else "",
        )

    def _note(
        self,
        request: web.Request,
        arrived: float,
        plan: Plan,
        answer: Answer,
        shown: Answer | None,
        sizes: tuple[int, int],
    ) -> None:
        received = Received(
            number=self._ledger.next_request,
            time=arrived,
            method=request.method,
            path=request.path,
            status=None if shown is None else shown.status,
            system=answer.system,
            events=len(answer.accepted) if plan.accept else 0,
            refused=answer.refused if plan.accept else 0,
            wire_bytes=sizes[0],
            decoded_bytes=sizes[1],
            headers=masked_headers(request.headers),
            fault=plan.kind,
            repeat=answer.repeat and plan.accept,
        )
        self._ledger.note(received, answer)
        if plan.accept:
            self._memory.note(answer)

    async def _respond(
        self, request: web.Request, plan: Plan, shown: Answer | None
    ) -> web.StreamResponse:
        if plan.delay and await self._stopped_within(plan.delay):
            return cutting.close(request)
        fault = plan.fault
        if shown is None:
            if fault is not None and fault.kind == "hang":
                await self._stopped_within(fault.seconds)
            cut = cutting.reset if fault is not None and fault.kind == "reset" else cutting.close
            return cut(request)
        if fault is not None and fault.kind == "drop_after_head":
            return cutting.close_after_head(request, shown)
        if fault is not None and fault.kind == "truncate":
            return cutting.truncate(request, shown)
        return speaking.response(shown)

    async def _stopped_within(self, seconds: float) -> bool:
        """Wait *seconds*, or until the collector stops; say whether it did."""
        with anyio.move_on_after(seconds):
            await self._stopping.wait()
        return self._stopping.is_set()


def _fresh_id() -> str:
    return str(uuid.uuid4())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _shown(plan: Plan, answer: Answer, system: judging.System) -> Answer | None:
    """Return the answer that goes out, whole or cut; None if no byte does."""
    fault = plan.fault
    if fault is None or fault.kind in _ANSWER_STAYS:
        return answer
    return None if fault.kind in _NO_BYTES_SENT else faulted_answer(fault, system.words)
