"""What an error, an outcome and a letter say of what became of an event."""

from __future__ import annotations

import pytest
from msgspec import structs

from asyncsdk import (
    AsyncAnalytics,
    DeliveryError,
    HTTPStatusError,
    InvalidResponseError,
    RudderStack,
    State,
    TransportError,
)
from asyncsdk.seams import Fate, HttpRequest, HttpResponse, Verdict
from tests.testing.scripted import DOWN, KEY, RESET, Act, Gateway, client, track

PAGE = Act(headers={"content-type": "text/html"})
LATER = Act(status=503, headers={"retry-after": "7"})


@pytest.mark.parametrize(
    ("act", "kind", "facts"),
    [
        (PAGE, InvalidResponseError, ("invalid_response", 200, None, {})),
        (DOWN, HTTPStatusError, ("http_503", 503, None, {})),
        (LATER, HTTPStatusError, ("http_503", 503, 7.0, {})),
        (Act(status=418), HTTPStatusError, ("http_418", 418, None, {"code": "TEAPOT"})),
        (RESET, TransportError, ("network_error", None, None, {})),
    ],
)
async def test_an_error_has_its_facts(
    act: Act,
    kind: type[DeliveryError],
    facts: tuple[str, int | None, float | None, dict[str, str]],
) -> None:
    """As attributes, not as words that somebody would have to read."""
    analytics = AsyncAnalytics(
        Brewing(KEY, "https://here", name="here"),
        transport=Gateway(lambda _: act),
        flush_at=1,
        max_retries=0,
    )
    with pytest.raises(kind) as caught:
        await track(analytics, 1).delivered()
    error = caught.value
    assert (error.code, error.status, error.retry_after, error.details) == facts
    assert error.retryable
    assert str(error).startswith("here: ")
    assert type(error) is kind
    await analytics.shutdown()


class Brewing(RudderStack):
    """A system with codes of its own, and with answers that are worth something."""

    def judge(self, route: str, response: HttpResponse, count: int) -> Verdict:
        """Read its code, or its answer."""
        if response.status == 418:
            return Verdict(fate=Fate.AGAIN, status=418, code="TEAPOT", reason="short and stout")
        plain = super().judge(route, response, count)
        return structs.replace(plain, answer=b"coffee") if plain.fate is Fate.DELIVERED else plain


async def test_what_a_system_answers_is_in_the_outcome() -> None:
    """With the status, for calls that are answered."""
    analytics = AsyncAnalytics(Brewing(KEY, "https://here"), transport=Gateway(), flush_at=1)
    outcome = await track(analytics, 1).delivered()
    assert (outcome.state, outcome.status, outcome.answer) == (State.DELIVERED, 200, b"coffee")
    await analytics.shutdown()


@pytest.mark.parametrize(("words", "reason"), [("", "no answer"), ("cut off", "cut off")])
async def test_where_nothing_is_said_there_was_no_answer(
    caplog: pytest.LogCaptureFixture, words: str, reason: str
) -> None:
    """A transport may raise without a word; letters, receipts and the log have one."""

    class Silent(Gateway):
        async def send(self, request: HttpRequest) -> HttpResponse:
            raise TransportError(words if request.body else "", retryable=True)

    analytics = client(Silent(), flush_at=1, max_retries=0)
    receipt = track(analytics, 1)
    await analytics.flush()
    assert receipt.outcomes["here"].reason == reason
    assert f"({reason})" in caplog.text
    (letter,) = [letter async for letter in analytics.dead_letters()]
    assert letter.reason == reason
    await analytics.shutdown()
