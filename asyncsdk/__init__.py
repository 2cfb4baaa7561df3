"""asyncsdk: server-side product analytics for asyncio.

One call, every system, in the background, without blocking the loop and without losing an event:

    async with AsyncAnalytics(RudderStack("WRITE_KEY", "https://dataplane.example.com")) as analytics:
        analytics.track("Item Viewed", user_id="user-1", properties={"revenue": 19.95})
"""

from typing import TYPE_CHECKING

from asyncsdk import destinations, stores
from asyncsdk.client import AsyncAnalytics
from asyncsdk.destinations.secrets import Secret
from asyncsdk.errors import (
    AnalyticsError,
    ClientClosedError,
    ConfigurationError,
    DeliveryError,
    HTTPStatusError,
    InvalidResponseError,
    QueueFullError,
    RequestTimeoutError,
    StoreAwayError,
    StoreError,
    StoreFullError,
    TransportError,
    ValidationError,
)
from asyncsdk.ledger import FlushResult, LaneStatistics, Statistics
from asyncsdk.messages import Event, Message
from asyncsdk.options import Delivery
from asyncsdk.receipts import Outcome, Receipt, State
from asyncsdk.seams import DeadLetter
from asyncsdk.stores import MemoryStore
from asyncsdk.version import __version__

if TYPE_CHECKING:
    from asyncsdk.destinations import GetFluxly, Inslytic, PostHog, RudderStack, Segment
    from asyncsdk.stores import RedisStore, SQLiteStore
    from asyncsdk.synchronous import SyncAnalytics
else:

    def __getattr__(name: str) -> type:
        """Load what not every program needs with the first use of its name."""
        for room, names in ((destinations, destinations.SYSTEMS), (stores, stores.LATER)):
            if name in names:
                return getattr(room, name)
        if name == "SyncAnalytics":
            from asyncsdk.synchronous import SyncAnalytics

            return SyncAnalytics
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *destinations.SYSTEMS, *stores.LATER, "SyncAnalytics"})


__all__ = [
    "AnalyticsError",
    "AsyncAnalytics",
    "ClientClosedError",
    "ConfigurationError",
    "DeadLetter",
    "Delivery",
    "DeliveryError",
    "Event",
    "FlushResult",
    "GetFluxly",
    "HTTPStatusError",
    "Inslytic",
    "InvalidResponseError",
    "LaneStatistics",
    "MemoryStore",
    "Message",
    "Outcome",
    "PostHog",
    "QueueFullError",
    "Receipt",
    "RedisStore",
    "RequestTimeoutError",
    "RudderStack",
    "SQLiteStore",
    "Secret",
    "Segment",
    "State",
    "Statistics",
    "StoreAwayError",
    "StoreError",
    "StoreFullError",
    "SyncAnalytics",
    "TransportError",
    "ValidationError",
    "__version__",
]
