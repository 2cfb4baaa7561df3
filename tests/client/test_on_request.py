"""`on_request`: before each request, and after it; whatever it does, delivery goes on."""

import pytest

from asyncsdk import ConfigurationError, State
from asyncsdk.collector import Collector, Fault
from asyncsdk.reporting import Sending, Sent
from tests.client.conftest import MakeClient
from tests.client.street import until


async def test_it_hears_of_each_request_and_of_what_came_of_it(
    make: MakeClient, collector: Collector
) -> None:
    """Repeats and refusals included."""
    heard: list[Sending | Sent] = []

    def on_request(sending: Sending) -> object:
        heard.append(sending)
        return heard.append

    collector.script(
        Fault(kind="status", status=503, times=1), Fault(kind="status", status=413, times=1)
    )
    client = make(on_request=on_request, retry_base=0.01)  # type: ignore[arg-type]
    client.track("E", user_id="u")
    await client.flush(10)
    first, again, second, never = heard
    assert isinstance(first, Sending)
    assert isinstance(second, Sending)
    assert (first.events, first.attempt, second.attempt, first.method) == (1, 1, 2, "POST")
    assert (first.destination, first.url) == ("rudder", f"{collector.url}/v1/batch")
    assert first.bytes == collector.requests[0].wire_bytes
    assert again == Sent(fate="again", status=503)
    assert isinstance(never, Sent)
    assert (never.fate, never.status) == ("split", 413)


@pytest.mark.parametrize("before", [True, False])
async def test_one_that_raises_changes_nothing(make: MakeClient, *, before: bool) -> None:
    """Before a request or after it; it is logged once."""

    def fail(_what: object) -> None:
        raise KeyError("planted-text")

    client = make(on_request=fail if before else lambda _sending: fail)
    receipt = client.track("E", user_id="u")
    await client.flush(10)
    assert receipt.state is State.DELIVERED


async def test_a_request_that_is_cancelled_has_an_end_as_well(
    make: MakeClient, collector: Collector
) -> None:
    """A span that never ended would be lost."""
    fates: list[Sent] = []
    collector.script(Fault(kind="hang"))
    client = make(on_request=lambda _sending: fates.append)
    client.track("E", user_id="u")
    await client.shutdown(0.2)
    await until(lambda: fates)
    assert fates == [Sent(fate="cancelled")]


async def test_one_that_must_be_awaited_is_refused(make: MakeClient) -> None:
    """There is nobody to await it."""

    async def on_request(_sending: Sending) -> None:
        """Be a coroutine function."""

    with pytest.raises(ConfigurationError, match="on_request"):
        make(on_request=on_request)  # type: ignore[arg-type]
