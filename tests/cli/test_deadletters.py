"""`python -m asyncsdk deadletters` over both stores: a real collector refuses the events."""

import io
import json
import os
import stat
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import anyio
import pytest
from msgspec import structs

from asyncsdk import AsyncAnalytics, RudderStack
from asyncsdk.cli.arguments import parse
from asyncsdk.cli.deadletters import attend
from asyncsdk.cli.letters import fits, line, paragraph, record, summary
from asyncsdk.cli.places import Place
from asyncsdk.cli.screen import Screen
from asyncsdk.cli.store_arguments import LetterOptions, Wanted
from asyncsdk.collector import Collector, Fault
from asyncsdk.seams import DeadLetter
from tests.cli import storing
from tests.cli.running import command as command_line
from tests.cli.running import environment, run_beside
from tests.stores.redis.servers import DURABLE, Server, running
from tests.stores.redis.using import WIDE

whole_way = pytest.mark.whole_way

REFUSES = Fault(kind="status", status=413)

LETTER = DeadLetter(
    destination="there",
    message_id="m-1",
    state="rejected",
    reason="too \x1b[31mbad",
    status=400,
    attempts=1,
    first_at="2026-01-31T12:00:00.000Z",
    died_at="2026-01-31T12:00:01.000Z",
    key="k",
    among=1,
    route="batch",
    data=b'{"event":"A\\u001b","n":1',
)


@pytest.fixture(scope="module")
def redis() -> Iterator[Server]:
    """Run a redis-server with a password."""
    with running("7", *DURABLE, "--requirepass", storing.SECRET) as server:
        yield server


@pytest.fixture(params=["folder", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Return a store of its own, of each kind."""
    if request.param == "folder":
        return Place(where=str(tmp_path / "spool"))
    server: Server = request.getfixturevalue("redis")
    return storing.masked(storing.queue(server.url), storing.SECRET)


class Ended(NamedTuple):
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


async def command(*arguments: str) -> Ended:
    """Run a command in this process, from its arguments to its exit code."""
    options = parse(["deadletters", *arguments], {})
    assert isinstance(options, LetterOptions)
    out, log = io.StringIO(), io.StringIO()
    code = await attend(options, Screen(out, log, {}))
    return Ended(code, out.getvalue(), log.getvalue())


@whole_way
async def test_letters_are_looked_at_taken_along_put_back_and_forgotten(
    place: Place, tmp_path: Path
) -> None:
    """A shift's work: what was refused, why, which, again once it is mended, the rest away."""
    at = storing.arguments(place)
    said = ""
    async with Collector(faults=[REFUSES]) as server:
        ids = await storing.bury(place, server, {"Paid": 1, "Left": 2, "Came": 3})
        listed = await command("list", *at)
        shown = await command("show", *at, "--id", min(ids))
        file = tmp_path / "letters.ndjson"
        exported = await command("export", *at, "--to", str(file))
        none = await command("list", *at, "--reason", "no such words")
        said += listed.stderr + shown.stderr + exported.stderr + none.stderr
        assert (listed.returncode, len(listed.stdout.splitlines())) == (0, 3), listed.stderr
        assert "3 dead letters" in listed.stderr
        assert (none.stdout, none.returncode) == ("", 0)
        assert shown.stdout.startswith(min(ids))
        assert '"properties"' in shown.stdout

        letters = [json.loads(one) for one in file.read_text("utf-8").splitlines()]
        assert {one["message_id"] for one in letters} == ids
        assert {one["event"]["messageId"] for one in letters} == ids
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

        server.script()  # mended
        again = await command("replay", *at, "--id", min(ids), "--id", max(ids))
        assert again.stdout == "2 dead letters put back\n", again.stderr
        rest = await command("purge", *at, "--all")
        assert rest.stdout == "1 dead letter forgotten\n", rest.stderr
        assert (await command("list", *at)).stdout == ""
        await storing.deliver(place, server)
        said += again.stderr + rest.stderr
        assert dict(server.message_ids("rudderstack")) == {min(ids): 1, max(ids): 1}
    assert storing.SECRET not in said


@whole_way
async def test_a_request_that_died_whole_goes_again_under_its_key(tmp_path: Path) -> None:
    """A server that takes each key once is not fooled by a replay, nor is a part taken for it."""
    place = Place(where=str(tmp_path / "spool"))
    async with Collector(faults=[REFUSES]) as server:
        await storing.bury(place, server, {"A": 1, "B": 2})
    store = storing.store_at(place)
    keys = {letter.key async for letter in store.dead_letters()}
    await store.close()
    ended = await command("replay", *storing.arguments(place))
    assert ended.stdout == "2 dead letters put back\n", ended.stderr
    store = storing.store_at(place)
    await store.recover("there")
    leases = await store.take("there", WIDE)
    await store.give_back(leases)
    await store.close()
    assert {lease.batch.key for lease in leases} == keys


@whole_way
async def test_letters_of_a_process_that_runs_are_shown_and_left_alone(tmp_path: Path) -> None:
    """Its file is its own: it is told so, not changed under its feet."""
    place = Place(where=str(tmp_path / "spool"))
    async with Collector(faults=[REFUSES]) as server:
        client = AsyncAnalytics(
            RudderStack("key", server.url, name="there"), store=storing.store_at(place)
        )
        async with client:
            client.track("A", user_id="u")
            await client.flush(30)
            listed = await command("list", *storing.arguments(place))
            purged = await command("purge", "--all", *storing.arguments(place))
            left = [letter async for letter in client.dead_letters()]
    assert len(listed.stdout.splitlines()) == 1, listed.stderr
    assert (purged.returncode, purged.stdout) == (2, "0 dead letters forgotten\n")
    assert "1 dead letter more in files of processes that run" in purged.stderr
    assert len(left) == 1


@whole_way
@whole_way
async def test_a_reader_that_has_seen_enough_is_no_trouble(tmp_path: Path) -> None:
    """`deadletters list | head` ends quietly; the store is all right."""
    place = Place(where=str(tmp_path / "spool"))
    async with Collector(faults=[REFUSES]) as server:
        await storing.bury(place, server, {"A": 1})
    for doing in ("list", "export"):
        read, write = os.pipe()
        os.close(read)
        line = command_line("deadletters", doing, *storing.arguments(place))
        with os.fdopen(write, "wb") as pipe:
            ended = await anyio.run_process(
                line, stdout=pipe, stderr=subprocess.PIPE, check=False, env=environment()
            )
        assert (ended.returncode, ended.stderr) == (141, b"")


async def test_an_export_is_its_owners_alone_whatever_was_there_before(tmp_path: Path) -> None:
    """Yesterday's file, which others could read, does not show them today's events."""
    file = tmp_path / "letters.ndjson"
    file.touch()
    file.chmod(0o644)
    ended = await command("export", "--store", str(tmp_path), "--to", str(file))
    assert ended.returncode == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_a_store_that_is_not_there_is_said() -> None:
    """Exit code 1; no folder is made, no password is shown."""
    missing = await run_beside("deadletters", "list", "--store", "no/such/folder")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "there is no folder no/such/folder" in missing.stderr
    url = f"redis://:{storing.SECRET}@127.0.0.1:1/0"
    away = await run_beside("deadletters", "list", extra={"REDIS_URL": url})
    assert (away.returncode, away.stdout) == (1, "")
    assert "127.0.0.1:1" in away.stderr
    assert storing.SECRET not in away.stderr


@pytest.mark.parametrize(
    ("wanted", "fit"),
    [
        (Wanted(), True),
        (Wanted(destination="there", reason="TOO", ids=frozenset({"m-1"})), True),
        (Wanted(destination="elsewhere"), False),
        (Wanted(reason="good"), False),
        (Wanted(ids=frozenset({"m-2"})), False),
        (Wanted(since=datetime(2026, 1, 31, 12, 0, 1, tzinfo=UTC)), True),
        (Wanted(since=datetime(2026, 1, 31, 12, 0, 2, tzinfo=UTC)), False),
    ],
)
def test_all_that_is_said_must_fit(wanted: Wanted, fit: bool) -> None:  # noqa: FBT001
    """Filters narrow each other down."""
    assert fits(LETTER, wanted) is fit


def test_a_time_that_cannot_be_read_hides_no_letter() -> None:
    """A store of somebody else's may write what it likes."""
    odd = structs.replace(LETTER, died_at="yesterday")
    assert fits(odd, Wanted(since=datetime(2026, 1, 31, tzinfo=UTC)))


def test_nothing_that_a_terminal_acts_on_is_written() -> None:
    """Reasons are a server's words, events a user's."""
    written = "\n".join(
        [line(LETTER), *paragraph(LETTER), summary([LETTER]), record(LETTER).decode()]
    )
    assert "\x1b" not in written
    assert json.loads(record(LETTER))["event"] == {"event": "A\x1b", "n": 1}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("purge", "--store", "spool"), "purge needs a filter, or --all"),
        (("list",), "--store PLACE is needed, or REDIS_URL"),
        (("list", "--store", "spool", "--since", "soon"), "'soon' is no time"),
        (("list", "--store", "spool", "--shards", "0"), "not a whole number from 1"),
    ],
)
def test_what_is_unclear_is_asked(
    given: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A purge by mistake cannot be undone."""
    with pytest.raises(SystemExit):
        parse(["deadletters", *given], {})
    assert told in capsys.readouterr().err


def test_since_is_a_time_or_how_long_ago() -> None:
    """As people say it."""

    def since(text: str) -> datetime | None:
        options = parse(["deadletters", "list", "--since", text], {"REDIS_URL": "redis://there"})
        assert isinstance(options, LetterOptions)
        return options.wanted.since

    assert since("2026-01-31") == datetime(2026, 1, 31, tzinfo=UTC)
    ago = since("2h")
    assert ago is not None
    assert abs(datetime.now(UTC) - timedelta(hours=2) - ago) < timedelta(minutes=1)
