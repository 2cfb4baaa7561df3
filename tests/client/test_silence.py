"""What is logged: neither payloads nor keys, whatever goes wrong."""

import asyncio
import gc
import logging
import traceback
from collections.abc import Mapping
from typing import Any

import pytest

from asyncsdk import AnalyticsError, AsyncAnalytics, Secret
from asyncsdk.collector import Collector, Fault
from tests.client.conftest import MakeClient
from tests.client.street import KEY, NOWHERE, rudder, segment

PLANTED = "planted-email@example.com"


async def everything_goes_wrong(client: AsyncAnalytics, *, users: tuple[str, ...]) -> list[str]:
    """Make calls of every kind, right and wrong; return what their errors say."""
    said: list[str] = []
    facts: dict[str, Any] = {"email": PLANTED, "odd": object(), PLANTED: 1}
    for user in users:
        client.track(PLANTED, user_id=user, properties=facts, context={"traits": facts})
        client.identify(user, traits=facts)
        client.group(PLANTED, user_id=user, traits=facts)
    wrong: list[dict[str, Any]] = [
        {"event": PLANTED, "properties": [PLANTED]},
        {"event": "E", "user_id": [PLANTED]},
        {"event": "E", "user_id": PLANTED, "external_id": "other"},
        {"event": "E", "user_id": "u", "timestamp": PLANTED},
        {"event": "E", "user_id": "u", "consent": {PLANTED: PLANTED}},
    ]
    for arguments in wrong:
        try:
            client.track(**arguments)
        except AnalyticsError as error:
            said.append("".join(traceback.format_exception_only(error)) + repr(error.details))
    return said


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="status", status=503),
        Fault(kind="status", status=400, body=f'{{"error": "bad event: {PLANTED}"}}'),
        Fault(kind="status", status=401, body=f"unknown key {KEY}"),
        Fault(kind="reset"),
        Fault(kind="hang"),
        Fault(kind="truncate"),
        Fault(kind="status", status=302),
        Fault(kind="status", status=200, body="<html>"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
async def test_no_trouble_puts_a_payload_or_a_key_into_the_log(
    make: MakeClient, collector: Collector, caplog: pytest.LogCaptureFixture, fault: Fault
) -> None:
    """Not even where the server's own words repeat them."""
    collector.script(fault)
    heard: list[str] = []

    def on_event(kind: str, facts: Mapping[str, Any]) -> None:
        heard.append(f"{kind} {facts}")

    with caplog.at_level(logging.DEBUG):
        client = make(
            rudder(collector),
            segment(collector),
            max_retries=1,
            retry_base=0.01,
            timeout=0.1,
            max_queue_events=8,
            shutdown_timeout=0.5,
            on_event=on_event,
            on_error=lambda error: heard.append(f"{type(error).__name__} {error.details}"),
        )
        said = await everything_goes_wrong(client, users=("u", " ", "v"))
        await client.flush(2)
        await client.shutdown(0.2)
    log = "\n".join(f"{record.getMessage()} {record.args}" for record in caplog.records)
    assert "rudder: " in log
    for text in (log, *said, *heard, repr(client), str(client.statistics())):
        assert KEY not in text
        assert PLANTED not in text


async def test_what_goes_well_is_not_worth_a_line(
    make: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Starting, delivering and ending are silent at every level but DEBUG."""
    with caplog.at_level(logging.INFO, "asyncsdk"):
        async with make() as client:
            client.track("E", user_id="u")
    assert caplog.messages == []


async def test_trouble_in_the_background_never_reaches_the_loop(
    make: MakeClient, collector: Collector
) -> None:
    """No "Task exception was never retrieved", no callback that raised."""
    seen: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: seen.append(context))
    collector.script(Fault(kind="reset", share=0.5), Fault(kind="hang", share=0.2))
    client = make(rudder(collector), rudder(NOWHERE, name="gone"), timeout=0.05, retry_base=0.01)
    waiting = [
        asyncio.create_task(client.track("E", user_id="u").delivered(0.1)) for _ in range(20)
    ]
    await asyncio.gather(*waiting, return_exceptions=True)
    await client.flush(0.1)
    await client.shutdown(0.1)
    del waiting
    gc.collect()
    await asyncio.sleep(0)
    loop.set_exception_handler(None)
    assert seen == []


def test_a_key_may_be_given_as_a_secret() -> None:
    """It is masked wherever it is shown."""
    from asyncsdk import RudderStack

    destination = RudderStack(Secret(KEY), NOWHERE)
    assert destination == RudderStack(KEY, NOWHERE)
    assert KEY not in f"{destination!r} {destination.write_key} {destination.write_key!r}"
