"""Celery: a client in every worker process, and what is bound where a task is sent, where it runs.

    sender ── before_task_publish: what is bound goes into the task's headers
    worker ── worker_process_init ─▶ task_prerun: bound ─▶ the task ─▶ task_postrun ─▶ … shutdown

A prefork child starts its own run: what the parent said before is the parent's.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from asyncsdk.client.carrying import lend
from asyncsdk.errors import ConfigurationError
from asyncsdk.synchronous import SyncAnalytics

try:
    from celery import signals
except ImportError as _missing:
    raise ImportError(
        "asyncsdk.integrations.celery needs celery: pip install 'asyncsdk[celery]'"
    ) from _missing

#: The header that carries what is bound.
HEADER = "asyncsdk"


class _Request(Protocol):
    @property
    def headers(self) -> dict[str, object] | None:
        """Those that are not Celery's own."""
        ...

    def get(self, key: str) -> object:
        """Return one header; a message brings each as an attribute."""
        ...


class _Task(Protocol):
    @property
    def request(self) -> _Request:
        """What is known of the run that is under way."""
        ...


def setup_celery(client: SyncAnalytics) -> None:
    """Let *client* live as long as a worker's processes do, and bindings travel with tasks.

    Call it once, where the Celery application is made, in whatever sends tasks and in the worker.
    In the pools prefork, threads and solo; gevent and eventlet have no thread for a loop.

    Raises:
        ConfigurationError: The client is an `AsyncAnalytics`, whose calls need a loop to go by
            themselves.
    """
    if not isinstance(client, SyncAnalytics):
        raise ConfigurationError(
            "setup_celery: a SyncAnalytics is needed, for tasks have no event loop; this is "
            f"{type(client).__name__}"
        )
    way = _Way(client)
    for name in ("before_task_publish", "task_prerun", "task_postrun"):
        getattr(signals, name).connect(getattr(way, name), weak=False)
    signals.worker_process_init.connect(way.begin, weak=False)
    signals.worker_process_shutdown.connect(way.end, weak=False)
    # The pools that have no processes, and what the main process itself has said.
    signals.worker_shutdown.connect(way.end, weak=False)


class _Way:
    """What is done at each signal."""

    def __init__(self, client: SyncAnalytics) -> None:
        self._client = client
        self._lent: dict[str, AbstractContextManager[object]] = {}  # by task, while it runs

    def begin(self, **_facts: object) -> None:
        """Start, so that the first task does not have to."""
        self._client.start()

    def end(self, **_facts: object) -> None:
        """Deliver what waits: the process is about to end."""
        self._client.shutdown()

    def before_task_publish(self, headers: dict[str, object], **_facts: object) -> None:
        """Put what is bound into the headers; one that is there stays: it is tried again."""
        bound = self._client.bound()
        if bound:
            headers.setdefault(HEADER, bound)

    def task_prerun(self, task_id: str, task: _Task, **_facts: object) -> None:
        """Bind what the task carries."""
        lent = lend(self._client, task.request.get(HEADER))
        lent.__enter__()
        self._lent[task_id] = lent

    def task_postrun(self, task_id: str, **_facts: object) -> None:
        """Take it back."""
        lent = self._lent.pop(task_id, None)
        if lent is not None:
            lent.__exit__(None, None, None)
