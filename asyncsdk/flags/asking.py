"""Asking: a question goes to the server, and whatever happens there is an answer.

A time-out, 502 and 504 are asked once more, after a moment; nothing else is: a person waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from asyncsdk.errors import RequestTimeoutError, TransportError
from asyncsdk.flag_seams import FlagWire, Question, RemoteFlags
from asyncsdk.reporting import Reporter
from asyncsdk.seams import HttpRequest, HttpResponse, Transport

#: Seconds before a question is asked once more.
AGAIN_AFTER = 0.3
#: Seconds for which a failure is not logged again.
QUIET = 60.0


class Asker:
    """Ask one system about flags.

    Args:
        wire: How it is asked.
        name: The lane's, for the log.
        transport: Moves the bytes.
        ready: Waits until the transport is open, at whatever price.
        reporter: Hears of failures, once a minute.
        note: Counts a failure.
    """

    def __init__(
        self,
        wire: FlagWire,
        name: str,
        *,
        transport: Transport,
        ready: Callable[[], Awaitable[None]],
        reporter: Reporter,
        note: Callable[[], None],
    ) -> None:
        self._wire = wire
        self._name = name
        self._transport = transport
        self._ready = ready
        self._reporter = reporter
        self._note = note

    async def ask(self, question: Question) -> RemoteFlags:
        """Return the answer, or what went wrong; nothing is raised."""
        answer = await self._ask_once(question)
        if answer.again:
            await anyio.sleep(AGAIN_AFTER)
            answer = await self._ask_once(question)
        if answer.failed:
            self.failed(answer.error)
        return answer

    async def _ask_once(self, question: Question) -> RemoteFlags:
        try:
            return self._wire.read(await self._send(self._wire.ask(question)))
        except (RequestTimeoutError, TimeoutError):
            return RemoteFlags(error="timeout", failed=True, again=True)
        except TransportError:
            return RemoteFlags(error="connection_error", failed=True)
        except Exception:  # noqa: BLE001 - a closed client, another loop, a foreign transport
            return RemoteFlags(error="unknown_error", failed=True)

    async def config(self, key: str) -> Any:
        """Return the payload of a remote configuration; None if there is none to be had."""
        try:
            return self._wire.read_config(await self._send(self._wire.ask_config(key)))
        except Exception as error:  # noqa: BLE001 - as above
            self.failed(f"remote_config {error if isinstance(error, ValueError) else type(error)}")
            return None

    async def _send(self, request: HttpRequest) -> HttpResponse:
        async with asyncio.timeout(request.timeout):
            await self._ready()
        return await self._transport.send(request)

    def failed(self, error: str) -> None:
        """Count a failure, and say so."""
        self._note()
        self._reporter.say(
            f"flags {self._name}",
            f"{self._name}: {{count}} questions about feature flags failed since the last line "
            f"(now: {error}); whoever asked got None, or what is known here",
            quiet=QUIET,
        )
