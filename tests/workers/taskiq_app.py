"""A shop whose work is done by taskiq: python -m taskiq worker tests.workers.taskiq_app:broker"""

import os
import sys

from taskiq import TaskiqMiddleware
from taskiq_redis import ListQueueBroker

from asyncsdk import AsyncAnalytics, RudderStack
from asyncsdk.integrations.taskiq import AnalyticsMiddleware

analytics = AsyncAnalytics(
    RudderStack("planted-key", os.environ["SHOP_URL"], name="there"),
    flush_interval=0,
    flush_at=1000,
)
broker = ListQueueBroker(os.environ["SHOP_REDIS"], socket_timeout=None).with_middlewares(
    AnalyticsMiddleware(analytics)
)


@broker.task(task_name="buy")
async def buy(number: int) -> None:
    """Do something for whoever sent this."""
    analytics.track("Bought", properties={"n": number})
    if number % 2:
        await charge.kiq(number)
    say(f"done {number};")


@broker.task(task_name="charge")
def charge(number: int) -> None:
    """Do something more for the same one, in a thread."""
    analytics.track("Charged", properties={"n": number})
    say(f"charged {number};")


class Ready(TaskiqMiddleware):
    """Says that the worker is there."""

    def startup(self) -> None:
        """Say so, where tasks are done."""
        if self.broker.is_worker_process:
            say("ready;")


def say(text: str) -> None:
    """Write for whoever started this."""
    os.write(sys.stdout.fileno(), text.encode())


broker.add_middlewares(Ready())
