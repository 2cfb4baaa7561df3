"""OpenFeature on PostHog's flags, without blocking the event loop.

`provider` stands between the two: `asking` reads whose flags a context asks for, `answering` turns
what a flag is into OpenFeature's types; both are pure.
"""

try:
    import openfeature.provider  # noqa: F401 - to say what is missing
except ImportError as _missing:
    raise ImportError(
        "asyncsdk.integrations.openfeature needs openfeature-sdk: pip install 'asyncsdk[openfeature]'"
    ) from _missing

from asyncsdk.integrations.openfeature.provider import AsyncAnalyticsProvider

__all__ = ["AsyncAnalyticsProvider"]
