"""The errors of asyncsdk, one tree.

AnalyticsError
├── ConfigurationError            you: an option or a destination can never work
├── ValidationError               you: this event can never be right (also a ValueError)
├── QueueFullError                you: too fast, and `overflow="raise"` asked to be told
├── ClientClosedError             you: after the end
├── StoreError                    the store: it cannot keep or give back what it should
│   ├── StoreFullError            no place until something is settled
│   └── StoreAwayError            not to be reached now
└── DeliveryError                 this event did not arrive (receipts raise it, never a call)
    ├── TransportError            the network: no answer was received
    │   └── RequestTimeoutError
    ├── HTTPStatusError           the peer: it answered, with a no
    └── InvalidResponseError      the peer: what it answered is not its protocol

Calls raise the first three only. What happens in the background ends in receipts, counters,
hooks and one rate-limited log line. Messages never hold keys or event contents.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

#: The code of a `TransportError` that no further attempt would change: tests stay on their machine.
NETWORK_BLOCKED = "network_blocked"


class AnalyticsError(Exception):
    """Tell what is, which rule was met and what to do; the facts are attributes.

    Attributes:
        code: A stable word for programs, such as ``"validation_error"``.
        retryable: Whether the same thing may work later.
        status: The HTTP status that was received, if one was.
        retry_after: Seconds after which to try again, if that is known.
        details: More facts, without keys and without event contents.
    """

    default_code: ClassVar[str] = "analytics_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        retryable: bool = False,
        status: int | None = None,
        retry_after: float | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.code: str = code or self.default_code
        self.retryable: bool = retryable
        self.status: int | None = status
        self.retry_after: float | None = retry_after
        self.details: Mapping[str, object] = dict(details or {})


class ConfigurationError(AnalyticsError):
    """An option, a destination or the way the client is used can never work."""

    default_code = "configuration_error"


class ValidationError(AnalyticsError, ValueError):
    """A call's argument breaks a rule; the event was not accepted, nothing else is lost."""

    default_code = "validation_error"


class QueueFullError(AnalyticsError):
    """The queue is full and the client was asked to say so (``overflow="raise"``)."""

    default_code = "queue_overflow"


class ClientClosedError(AnalyticsError):
    """The client has ended for good (its ``async with`` block was left)."""

    default_code = "client_closed"


class StoreError(AnalyticsError):
    """A store cannot do what it is asked; delivery waits for it, a call never raises this."""

    default_code = "store_error"


class StoreFullError(StoreError):
    """There is no place in the store: its own bound is met, or the disk is full."""

    default_code = "store_full"


class StoreAwayError(StoreError):
    """The store cannot be reached: no server, no folder, no right to write."""

    default_code = "store_away"


class DeliveryError(AnalyticsError):
    """An event did not arrive; a receipt's ``delivered()`` raises it."""

    default_code = "delivery_error"


class TransportError(DeliveryError):
    """No answer was received: refused, reset, cut off, no such host."""

    default_code = "network_error"


class RequestTimeoutError(TransportError):
    """No whole answer within the ``timeout`` option."""

    default_code = "request_timeout"


class HTTPStatusError(DeliveryError):
    """The server answered with a status that is not a yes; ``code`` is ``http_<status>``."""

    default_code = "http_status"


class InvalidResponseError(DeliveryError):
    """The server answered with something that is not its protocol, such as a login page."""

    default_code = "invalid_response"
