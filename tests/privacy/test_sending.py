"""The hooks in a client: what arrives at a server holds nothing of what was to be kept back."""

from typing import Any

from asyncsdk import AsyncAnalytics, Message, RudderStack
from asyncsdk.collector import Collector
from asyncsdk.privacy import EMAIL, Hashed, redact, remove, sample
from tests.privacy.messages import SALT


def forge(message: Message) -> Message:
    """Change what belongs to the call, as a redactor that goes too far would."""
    message.type, message.message_id = "identify", "forged"
    message.original_timestamp = "1999-01-01T00:00:00.000Z"
    return message


async def sent(hooks: list[Any], **call: Any) -> list[dict[str, Any]]:
    """Return the events that arrive of one call, made with *hooks*."""
    async with Collector() as server:
        there = RudderStack("WRITE_KEY", server.url)
        async with AsyncAnalytics(there, before_send=hooks) as analytics:
            analytics.track("E", user_id="ann@example.com", **call)
        return [event.body for event in server.events]


async def test_what_was_to_be_kept_back_does_not_arrive() -> None:
    """Neither in the event nor in anything around it."""
    hooks = [
        redact("user_id", instead=Hashed(SALT)),
        redact("**", matching=EMAIL),
        remove("context.ip"),
    ]
    (event,) = await sent(
        hooks,
        properties={"to": ["bob@example.com"], "n": 1},
        context={"ip": "192.0.2.1", "traits": {"email": "ann@example.com"}},
    )
    assert "@" not in str(event)
    assert "192.0.2.1" not in str(event)
    assert event["userId"] == Hashed(SALT)("ann@example.com")
    assert event["properties"]["n"] == 1


async def test_what_belongs_to_the_call_is_put_back_after_the_hooks() -> None:
    """A receipt and a repeat are told by the id; the type decides about the route."""
    (event,) = await sent([redact("**"), forge], message_id="mine", properties={"a": 1})
    assert (event["type"], event["messageId"]) == ("track", "mine")
    assert event["originalTimestamp"] > "2020"
    assert event["properties"] == {"a": "[redacted]"}


async def test_who_is_not_in_the_sample_is_counted() -> None:
    """As dropped by a hook: nothing vanishes without a number."""
    async with Collector() as server:
        there = RudderStack("WRITE_KEY", server.url)
        async with AsyncAnalytics(there, before_send=sample(0.0)) as analytics:
            receipt = analytics.track("E", user_id="u")
            assert analytics.statistics().dropped_reasons == {"before_send": 1}
            assert (await receipt.delivered()).reason == "before_send"
