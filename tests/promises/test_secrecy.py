"""Keys, addresses and contents of events: planted everywhere, and searched for wherever one looks.

Nothing of ours shows them: no log line, no `repr`, no traceback. What a *server* quotes is in the
errors, the outcomes and the letters, for people to read; it is in no log line, and never the key.
"""

import asyncio
import base64
import logging
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import pytest
from msgspec import Struct
from rich.pretty import pretty_repr

from asyncsdk import (
    AnalyticsError,
    AsyncAnalytics,
    GetFluxly,
    Inslytic,
    MemoryStore,
    Message,
    PostHog,
    RudderStack,
    Segment,
)
from asyncsdk.client.settings import Options, read
from asyncsdk.flag_seams import Question
from asyncsdk.seams import Batch, DeadLetter, Encoded, HttpRequest, HttpResponse, Lease, Progress
from tests.promises.children import LOOPS, WHOLE_WAY, run
from tests.secrecy import EMAIL, WORD, planted_in
from tests.street.walking import letters
from tests.transports.lines import Act, answer, drop, endless, hang, head, listening, raw, reset

pytestmark = WHOLE_WAY

KEY = "planted-key-of-secrecy"
BASIC = base64.b64encode(f"{KEY}:".encode()).decode()
QUOTE = f'{{"error": "{EMAIL} {WORD}", "key": "{KEY}", "header": "{BASIC}"}}'
REJECTION = f'{{"index": 0, "error": "{EMAIL}", "detail": "{KEY} {BASIC} {WORD}"}}'
HEADER = f"X-Quote: {KEY} {BASIC} {EMAIL} {WORD}"
SECRET = f"{KEY} {BASIC} {EMAIL} {WORD}"


class Trouble(Struct, frozen=True):
    """What the server does, and whether it quotes where its words are kept for people."""

    act: Act
    quotes: bool = False


def status(code: int, *headers: str) -> Trouble:
    """Refuse, and quote everything."""
    return Trouble(answer(code, QUOTE.encode(), HEADER, *headers), quotes=True)


TROUBLES: dict[str, Trouble] = {
    "400": status(400),
    "401": status(401),
    "413": status(413),
    "429": status(429, f"Retry-After: {WORD}"),
    "503": status(503),
    "a redirect": status(307, f"Location: http://127.0.0.1:9/{WORD}/{KEY}"),
    "a login page": Trouble(answer(200, QUOTE.encode(), HEADER, "Content-Type: text/html")),
    "a rejection": Trouble(answer(202, f'{{"errors": [{REJECTION}]}}'.encode()), quotes=True),
    "a yes": Trouble(answer(200, QUOTE.encode(), HEADER)),
    "half an answer": Trouble(raw(head(503, HEADER, length=9_000) + QUOTE.encode())),
    "a bad header": Trouble(raw(f"HTTP/1.1 503 {SECRET}\r\n{HEADER}\0: x\r\n\r\n".encode())),
    "a bad status": Trouble(raw(f"HTTP/1.1 {SECRET}\r\n\r\n".encode())),
    "no protocol": Trouble(raw(f"{SECRET}\r\n{SECRET}\r\n\r\n".encode())),
    "a header without an end": Trouble(endless(b"HTTP/1.1 200 OK\r\nX: ", SECRET.encode() * 99)),
    "a reset": Trouble(reset()),
    "a close": Trouble(drop),
    "a hang": Trouble(hang),
}


class Broken(MemoryStore):
    """A store that fails now and then, with all that it holds in its words."""

    def __init__(self) -> None:
        super().__init__()
        self._left = 2

    async def settle(self, lease: Lease, letters: Sequence[DeadLetter]) -> bool:
        """Fail twice, then settle."""
        self._left -= 1
        if self._left >= 0:
            raise OSError(f"{SECRET} {lease.batch.events!r}")
        return await super().settle(lease, letters)


class Moody(RudderStack):
    """A destination that crashes its lane once, with all that it knows in its words."""

    moods: list[Exception] = []  # noqa: RUF012 - every test sets its own

    def judge(self, route: str, response: HttpResponse, count: int) -> Any:
        """Crash if there is a mood left."""
        if self.moods:
            raise self.moods.pop() from KeyError(SECRET)
        return super().judge(route, response, count)


class Transport:
    """A transport that raises what none should."""

    async def open(self) -> None:
        """Fail: nothing can be opened."""
        raise RuntimeError(SECRET)

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Fail with the whole request in its words."""
        raise RuntimeError(f"{SECRET} {request.headers} {request.body!r}")

    async def close(self) -> None:
        """Fail as well."""
        raise RuntimeError(SECRET)


def fails(*_: object) -> None:
    """Be a hook that fails, and quotes what it was given."""
    raise RuntimeError(SECRET) from KeyError(SECRET)


def redactor(message: Message) -> Message:
    """Be a hook that fails for some."""
    if message.event == f"{WORD}-3":
        fails()
    return message


def make(url: str, **options: Unpack[Options]) -> AsyncAnalytics:
    """Make a client of all systems, with a lane that crashes once and hooks that all fail."""
    Moody.moods = [RuntimeError(SECRET)]
    settings: Options = {
        "flush_interval": 0.01,
        "retry_base": 0.01,
        "retry_cap": 0.02,
        "max_retries": 2,
        "timeout": 0.1,
        "max_queue_events": 30,
        "overflow": "raise",
        "before_send": redactor,
        "on_error": fails,
        "on_drop": fails,
        "on_event": fails,
        "default_context": {"email": EMAIL},
        **options,
    }
    return AsyncAnalytics(
        Moody(KEY, url, name="rudder"),
        Segment(KEY, host=url, name="segment"),
        GetFluxly(KEY, api_host=url, name="fluxly"),
        Inslytic(KEY, endpoint=url, name="inslytic"),
        PostHog(KEY, host=url, name="posthog"),
        **settings,
    )


class Shown:
    """Everything that can be looked at."""

    def __init__(self) -> None:
        self.ours: list[str] = []
        self.errors: list[str] = []  # and outcomes and letters: a server's words may be in them

    def see(self, *things: object) -> None:
        """Look at *things* in both ways."""
        self.ours += [text for thing in things for text in (repr(thing), str(thing))]

    def hear(self, *errors: BaseException) -> None:
        """Look at *errors*, their tracebacks and their facts."""
        for error in errors:
            told = "".join(traceback.format_exception(error))
            self.errors += [told, repr(error), str(error), repr(getattr(error, "details", ""))]

    def read(self, *things: object) -> None:
        """Look at outcomes and letters."""
        self.errors += [text for thing in things for text in (repr(thing), str(thing))]


def make_mistakes(analytics: AsyncAnalytics, shown: Shown) -> None:
    """Make calls that are refused at once."""
    wrong: list[Mapping[str, Any]] = [
        {"event": WORD, "properties": [EMAIL]},
        {"event": WORD, "user_id": [EMAIL]},
        {"event": WORD, "user_id": EMAIL, "external_id": WORD},
        {"event": WORD, "user_id": "u", "timestamp": EMAIL},
        {"event": WORD, "user_id": "u", "context": EMAIL},
        {"event": WORD, "user_id": "u", "integrations": {EMAIL}},
        {"event": {WORD: EMAIL}, "user_id": "u"},
    ]
    for arguments in wrong:
        with pytest.raises(AnalyticsError) as caught:
            analytics.track(**arguments)
        shown.hear(caught.value)


async def live(analytics: AsyncAnalytics, shown: Shown) -> None:
    """Call with planted arguments until the queue is full, wait, read, replay, end."""
    # The name of a value that JSON cannot carry is said on purpose: it is a plain one here.
    facts = {"email": EMAIL, WORD: {EMAIL: WORD}, "odd": object(), "some": {1, EMAIL}}
    receipts = [
        analytics.identify(EMAIL, traits=facts),
        analytics.page(WORD, user_id=EMAIL),
        analytics.alias(previous_id=WORD, user_id=EMAIL),
    ]
    make_mistakes(analytics, shown)
    for number in range(40):
        try:
            receipts.append(
                analytics.track(
                    f"{WORD}-{number}", user_id=EMAIL, properties=facts, context={"traits": facts}
                )
            )
        except AnalyticsError as error:
            shown.hear(error)
    shown.see(analytics, *receipts)
    waiting = [receipt.delivered(1.0) for receipt in receipts[:3] + receipts[-3:]]
    shown.hear(
        *(
            error
            for error in await asyncio.gather(*waiting, return_exceptions=True)
            if isinstance(error, BaseException)
        )
    )
    result = await analytics.flush(0.5)
    shown.see(analytics.statistics())
    shown.read(result, *await letters(analytics))
    await analytics.replay()
    async with analytics:
        shown.see(analytics)
    shown.see(analytics, analytics.statistics(), *receipts)
    shown.read(analytics.track(WORD, user_id=EMAIL), *(one.outcomes for one in receipts))
    shown.hear(*result.errors)
    with pytest.raises(AnalyticsError) as caught:
        await analytics.start()
    shown.hear(caught.value)


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return all lines, of any logger, with their arguments and tracebacks."""
    formatted = logging.Formatter("%(message)s").format
    return [f"{formatted(record)} {record.args!r}" for record in caplog.records]


def check(shown: Shown, lines: Sequence[str], *, quotes: bool) -> None:
    """Check that nothing planted is shown, but what a server has quoted to people."""
    assert len(shown.errors) > 40
    assert any("rudder: " in line for line in lines)
    assert planted_in(*lines, *shown.ours) == []
    found = planted_in(*shown.errors)
    assert [word for word in found if KEY in word or BASIC in word] == []
    assert bool(found) is quotes


@pytest.mark.parametrize("what", TROUBLES)
async def test_no_trouble_shows_a_key_an_address_or_contents(
    what: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What shows when servers quote, lanes crash, stores and hooks fail all at once? No secret."""
    shown, trouble = Shown(), TROUBLES[what]
    caplog.set_level(logging.DEBUG)
    async with listening(trouble.act) as line:
        analytics = make(line.url, store=Broken(), shutdown_timeout=0.5)
        await live(analytics, shown)
    check(shown, logged(caplog), quotes=trouble.quotes)


async def test_a_transport_that_breaks_shows_nothing_either(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What if a transport of my own raises the whole request? Its kind of error is all that shows."""
    shown = Shown()
    caplog.set_level(logging.DEBUG)
    await live(make("http://127.0.0.1:9", transport=Transport(), shutdown_timeout=0.3), shown)
    check(shown, logged(caplog), quotes=False)


def test_what_seams_hand_on_shows_sizes() -> None:
    """What if a store or a transport of my own logs what it is given? It logs sizes."""
    data = f'{{"email":"{EMAIL}","note":"{WORD}"'.encode()
    batch = Batch(key="k", route="batch", events=[data], size=len(data))
    shown = Shown()
    seen = (
        Encoded("batch", data),
        batch,
        Lease("rudder", batch, Progress(open=[(0, 1)])),
        HttpRequest(url="https://x", headers={"Authorization": BASIC}, body=data),
        HttpResponse(status=400, headers={"x": KEY}, body=data),
        RudderStack(KEY, "https://x"),
        Segment(KEY),
        GetFluxly(KEY),
        Inslytic(KEY),
        PostHog(KEY, personal_api_key=KEY, flag_definitions=data),
        Question(distinct_id=EMAIL, person_properties={"note": WORD}),
        read({"proxy": f"http://user:{KEY}@proxy", "default_context": {"note": WORD}}),
    )
    shown.see(*seen)
    assert planted_in(*shown.ours) == []
    # For rich's tracebacks, which show local variables, structs have a second way to be shown.
    assert planted_in(*map(pretty_repr, seen)) == []


@LOOPS
async def test_the_loop_in_debug_mode_shows_nothing_either(loop: str) -> None:
    """What does asyncio log of our steps in debug mode, and the exit of what is lost? No contents."""
    ended = await run(
        """
        logging.getLogger().setLevel("DEBUG")
        logging.getLogger("asyncio").setLevel("DEBUG")
        client = make("http://127.0.0.1:9", flush_at=5, retry_base=0.01, exit_drain=0.2)
        async def main():
            asyncio.get_running_loop().slow_callback_duration = 0
            for number in range(500):
                track(client, number)
                await asyncio.sleep(0.001)
            waiting = asyncio.create_task(client.flush())
            await asyncio.sleep(2.2)  # what stands still is folded
            waiting.cancel()
        run(main())
        """,
        "",
        loop=loop,
    )
    assert ended.code == 0
    assert "asyncsdk: there: no delivery" in ended.said
    assert "events were still queued" in ended.said
    if loop == "asyncio":
        assert ended.said.count("Executing") > 500
    # That nothing planted is in it was checked where the child ended.
