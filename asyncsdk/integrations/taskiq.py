"""taskiq: a client that lives as long as a worker process, and what is bound where a task is sent.

sender ── pre_send: what is bound goes into a label ─▶ worker ── pre_execute: bound ─▶ the task
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any

from asyncsdk.client import AsyncAnalytics
from asyncsdk.client.carrying import lend
from asyncsdk.wire.encoding import decode, encode

try:
    from taskiq import TaskiqMessage, TaskiqMiddleware, TaskiqResult
except ImportError as _missing:
    raise ImportError(
        "asyncsdk.integrations.taskiq needs taskiq: pip install 'asyncsdk[taskiq]'"
    ) from _missing

#: The label that carries what is bound, as JSON.
LABEL = "asyncsdk"

# Each task runs in an asyncio task of its own.
_lent: ContextVar[AbstractContextManager[object] | None] = ContextVar(
    "asyncsdk_taskiq_lent", default=None
)


class AnalyticsMiddleware(TaskiqMiddleware):
    """Start the client with a worker and drain it at its end; let bindings travel with tasks.

    Where tasks are only sent from, the client is left alone: it belongs to the application there.
    """

    def __init__(self, client: AsyncAnalytics) -> None:
        super().__init__()
        self._client = client

    async def startup(self) -> None:
        """Start, in a worker."""
        if self.broker.is_worker_process:
            await self._client.start()

    async def shutdown(self) -> None:
        """Deliver what waits: the worker is about to end."""
        if self.broker.is_worker_process:
            await self._client.shutdown()

    def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        """Put what is bound into a label; one that is there stays: the task is sent again."""
        bound = self._client.bound()
        if bound:
            message.labels.setdefault(LABEL, encode(bound).decode())
        return message

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """Bind what the task carries."""
        lent = lend(self._client, _read(message.labels.get(LABEL)))
        lent.__enter__()
        _lent.set(lent)
        return message

    def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:  # noqa: ARG002
        """Take it back."""
        lent = _lent.get()
        if lent is not None:
            _lent.set(None)
            lent.__exit__(None, None, None)


def _read(label: object) -> object:
    try:
        return decode(label.encode()) if isinstance(label, str) else None
    except ValueError:
        return None
