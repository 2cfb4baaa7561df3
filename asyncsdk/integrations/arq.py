"""arq: a client that lives as long as the worker, and what is bound where a job is enqueued.

arq's jobs have no headers. What is bound travels beside the function's name and arguments, in the
dict that arq serializes; a worker that does not know of it does not see it.

    job_serializer ─▶ Redis ─▶ deserializer: kept aside ─▶ on_job_start: bound ─▶ the job ─▶ on_job_end
"""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any, TypeAlias, TypeVar, cast

from asyncsdk.client import AsyncAnalytics
from asyncsdk.client.carrying import lend

try:
    importlib.import_module("arq")  # to say what is missing; nothing here needs it
except ImportError as _missing:
    raise ImportError(
        "asyncsdk.integrations.arq needs arq: pip install 'asyncsdk[arq]'"
    ) from _missing

#: What carries, beside arq's own keys.
KEY = "asyncsdk"

_HOOKS = ("on_startup", "on_shutdown", "on_job_start", "on_job_end")

Hook: TypeAlias = Callable[[dict[Any, Any]], Awaitable[None]]
Serializer: TypeAlias = Callable[[dict[str, Any]], bytes]
Deserializer: TypeAlias = Callable[[bytes], dict[str, Any]]
SettingsT = TypeVar("SettingsT", bound=type)

# Each job runs in a task of its own: between its reading and its start, and while it runs.
_carried: ContextVar[object] = ContextVar("asyncsdk_arq_carried", default=None)
_lent: ContextVar[AbstractContextManager[object] | None] = ContextVar(
    "asyncsdk_arq_lent", default=None
)


def job_serializer(client: AsyncAnalytics, serialize: Serializer = pickle.dumps) -> Serializer:
    """Return a serializer of jobs that takes along what is bound where they are enqueued.

    For ``create_pool(…, job_serializer=job_serializer(client))`` where jobs are enqueued.

    Args:
        client: Whose bindings.
        serialize: What serializes; arq's own default.
    """

    def carry(job: dict[str, Any]) -> bytes:
        bound = client.bound()
        is_result = "s" in job  # arq serializes results the same way
        return serialize(job if is_result or not bound else {**job, KEY: bound})

    return carry


def analytics_worker(client: AsyncAnalytics) -> Callable[[SettingsT], SettingsT]:
    """Return a decorator for the class of a worker's settings.

    The client starts before the worker's own `on_startup` and is shut down after its own
    `on_shutdown`; jobs find it as ``ctx["analytics"]``. What was bound where a job was enqueued
    is bound while it runs. Hooks and serializers that the settings have are kept.
    """

    def decorate(settings: SettingsT) -> SettingsT:
        theirs = dict(vars(settings))
        way = _Way(client, cast("dict[str, Hook | None]", theirs))
        write = theirs.get("job_serializer") or pickle.dumps
        read = theirs.get("job_deserializer") or pickle.loads
        ours = {
            **{name: getattr(way, name) for name in _HOOKS},
            "job_serializer": job_serializer(client, write),
            "job_deserializer": _keep_aside(read),
        }
        for name, one in ours.items():
            setattr(settings, name, one)  # plain functions: arq reads the class, not an instance
        return settings

    return decorate


def _keep_aside(deserialize: Deserializer) -> Deserializer:
    def read(data: bytes) -> dict[str, Any]:
        job = deserialize(data)
        _carried.set(job.get(KEY))
        return job

    return read


class _Way:
    """What is done at each of arq's hooks, around the worker's own ones."""

    def __init__(self, client: AsyncAnalytics, theirs: dict[str, Hook | None]) -> None:
        self._client = client
        self._theirs = theirs

    async def _their(self, name: str, ctx: dict[Any, Any]) -> None:
        hook = self._theirs.get(name)
        if hook is not None:
            await hook(ctx)

    async def on_startup(self, ctx: dict[Any, Any]) -> None:
        """Start the client."""
        ctx.setdefault("analytics", await self._client.start())
        await self._their("on_startup", ctx)

    async def on_shutdown(self, ctx: dict[Any, Any]) -> None:
        """Deliver what waits; the worker is about to end."""
        try:
            await self._their("on_shutdown", ctx)
        finally:
            await self._client.shutdown()

    async def on_job_start(self, ctx: dict[Any, Any]) -> None:
        """Bind what the job carries."""
        lent = lend(self._client, _carried.get())
        _carried.set(None)
        lent.__enter__()
        _lent.set(lent)
        await self._their("on_job_start", ctx)

    async def on_job_end(self, ctx: dict[Any, Any]) -> None:
        """Take it back."""
        try:
            await self._their("on_job_end", ctx)
        finally:
            lent = _lent.get()
            if lent is not None:
                _lent.set(None)
                lent.__exit__(None, None, None)
