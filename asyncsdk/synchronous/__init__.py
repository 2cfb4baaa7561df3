"""The client for code without a loop: scripts, synchronous Django, Celery.

analytics  `SyncAnalytics`: what such code talks to
receipts   what a call returns there: `Receipt`, with waits that block
flags      feature flags, with answers that are waited for
threads    the one thread that a loop runs on for it
"""

from asyncsdk.synchronous.analytics import SyncAnalytics, SyncDirected
from asyncsdk.synchronous.flags import SyncFlags
from asyncsdk.synchronous.receipts import SyncReceipt

__all__ = ["SyncAnalytics", "SyncDirected", "SyncFlags", "SyncReceipt"]
