"""Clients that are observed."""

from asyncsdk import AsyncAnalytics, Message, RudderStack
from asyncsdk.collector import Collector
from asyncsdk.integrations.opentelemetry import OpenTelemetry


async def one_retry(
    server: Collector, telemetry: OpenTelemetry, *, drop: str = ""
) -> AsyncAnalytics:
    """Deliver two events in one batch, and one more that a hook drops if it is named."""

    def keep(message: Message) -> Message | None:
        return None if message.event == drop else message

    there = RudderStack("WRITE_KEY", server.url, name="here")
    async with AsyncAnalytics(
        there, on_request=telemetry.on_request, before_send=keep, retry_base=0.01
    ) as analytics:
        telemetry.watch(analytics)
        for name in ("A", "B", drop):
            if name:
                analytics.track(name, user_id="u")
    return analytics
