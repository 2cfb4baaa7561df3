"""A shop whose work is done by Celery; what its tasks say waits until somebody shuts down.

python -m celery -A tests.workers.celery_app worker
python -m tests.workers.celery_app      sends tasks
"""

import logging
import os
import sys

from celery import Celery, Task, signals

from asyncsdk import RudderStack, SyncAnalytics
from asyncsdk.integrations.celery import setup_celery

logging.getLogger("asyncsdk").addHandler(logging.StreamHandler())
app = Celery("shop", broker=os.environ["SHOP_REDIS"])
app.conf.update(worker_redirect_stdouts=False, worker_hijack_root_logger=False)
analytics = SyncAnalytics(
    RudderStack("planted-key", os.environ["SHOP_URL"], name="there"),
    flush_interval=0,
    flush_at=1000,
    shutdown_timeout=30,
)
setup_celery(analytics)
# Before the workers are forked: what they must not send again.
analytics.track("Loaded", anonymous_id="shop")


@app.task(name="buy")  # type: ignore[untyped-decorator]
def buy(number: int) -> None:
    """Do something for whoever sent this."""
    analytics.track("Bought", properties={"n": number})
    if number % 2:
        app.send_task("charge", (number,))
    say(f"done {number};")


@app.task(name="charge", bind=True, max_retries=1)  # type: ignore[untyped-decorator]
def charge(task: Task, number: int) -> None:
    """Fail once; what is carried must come again."""
    if task.request.retries == 0:
        raise task.retry(countdown=0)
    analytics.track("Charged", properties={"n": number})
    say(f"charged {number};")


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def ready(**_facts: object) -> None:
    """Say so."""
    say("ready;")


def say(text: str) -> None:
    """Write for whoever started this."""
    os.write(sys.stdout.fileno(), text.encode())


def main() -> None:
    """Send tasks, each for somebody else."""
    for number in range(20):
        with analytics.bind(user_id=f"user-{number}", context={"ip": "192.0.2.1"}):
            app.send_task("buy", (number,))
    analytics.shutdown()


if __name__ == "__main__":
    main()
