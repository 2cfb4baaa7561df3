"""rudder-sdk-python: gzip on, a queue that holds the whole burst, its own 100 events a request."""

from __future__ import annotations

from rudderstack.analytics.client import Client

from benchmarks.clients.task import KEY, Figures, Task, answer
from benchmarks.clients.threaded import deliver


def run(task: Task) -> Figures:
    """Send the workload and return what it took."""
    return deliver(
        task,
        lambda failures: Client(
            KEY,
            host=f"http://127.0.0.1:{task.port}",
            gzip=True,
            max_queue_size=task.events + 1,
            upload_size=task.batch or 100,
            on_error=failures,
        ),
    )


if __name__ == "__main__":
    answer(run)
