"""gunicorn: an application that is loaded before its workers are forked."""

from signal import SIGTERM

import aiohttp
import anyio
import pytest

from asyncsdk.collector import Collector
from tests.promises.children import TIDY, WHOLE_WAY, numbers, started
from tests.stores.redis.servers import free_port

pytestmark = WHOLE_WAY


async def served(address: str, number: int) -> str:
    """Ask for a page until somebody serves it; return which process did."""
    while True:
        try:
            # A connection each: a worker that keeps one would serve all.
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{address}/{number}") as page,
            ):
                return await page.text()
        except aiohttp.ClientConnectionError:
            await anyio.sleep(0.05)


@pytest.mark.parametrize(
    "options",
    [
        ("-k", "uvicorn_worker.UvicornWorker", "tests.workers.gunicorn_app:asgi"),
        ("tests.workers.gunicorn_app:wsgi",),
    ],
    ids=["with a loop", "without"],
)
async def test_workers_of_a_preloaded_application_send_their_own(
    options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What of gunicorn --preload? Workers send their own, the master its own, each once."""
    port = free_port()
    async with Collector() as collector:
        monkeypatch.setenv("SHOP_URL", collector.url)
        command = ("--preload", "-w", "2", "-b", f"127.0.0.1:{port}", "--log-level", "error")
        line = ("-m", "gunicorn", *command, *options)
        async with started(*line, flags=TIDY, unmeasured=True) as child:
            workers: list[str] = []
            while len(workers) < 60 or len(set(workers)) < 2:  # one may be up long before the other
                workers.append(await served(f"http://127.0.0.1:{port}", len(workers)))
            child.send(SIGTERM)
            ended = await child.ended()
        assert (ended.code, "asyncsdk" in ended.said) == (0, False), ended
        assert sorted(numbers(collector.events, name="Viewed")) == list(range(len(workers)))
        assert sum(event.body["event"] == "Loaded" for event in collector.events) == 1
        assert set(collector.message_ids().values()) == {1}
