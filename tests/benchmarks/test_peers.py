"""The comparison with the peers: our own column holds what is promised, and the rules are fair."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers.questions import (
    CLIENTS,
    EVENTS,
    OURS,
    QUESTIONS,
    VALUES,
    Answer,
    Question,
    alone_best,
    best,
    surpassed,
)
from benchmarks.peers.server import Server, running
from benchmarks.peers.table import markdown, text, verdict
from tests.promises.children import without_coverage

ROOT = Path(__file__).parents[2]
KEYS = [question.key for question in QUESTIONS]

MOST = Question(key="most", asked="most", how="", wins="", best="most")
LEAST = Question(key="least", asked="least", how="", wins="", best="least", same=0.1)


@pytest.fixture(scope="module")
def column(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Ask this SDK alone, for which nothing needs to be installed."""
    file = tmp_path_factory.mktemp("peers") / "peers.json"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.peers", "--clients", OURS, "--json", str(file)],
        cwd=ROOT,
        env=without_coverage(),  # what is measured is the client alone
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert all(question.asked in done.stdout for question in QUESTIONS)
    found = file.read_text(encoding="utf-8")
    assert str(ROOT) not in found
    return {one["key"]: one for one in json.loads(found)["answers"]}


@pytest.mark.whole_way
@pytest.mark.skipif(sys.platform == "win32", reason="forks and signals are other things there")
def test_our_column_holds_what_is_promised(column: dict[str, dict[str, Any]]) -> None:
    """Is each cell what the documentation says? Nothing lost, doubled, stalled or left unsaid."""
    values = {key: one["value"] for key, one in column.items()}
    assert list(values) == KEYS
    seconds = {key: values.pop(key) for key in ("dead_10", "dead_300")}
    assert values.pop("stall") < 100  # milliseconds; a blocked loop would stand for a second
    assert values == {
        "exit": EVENTS,
        "sigterm": EVENTS,
        "fork": 0,
        "fork_queued": 0,
        "full": 1,
        "nan": 3,
        "naive": 1,
        "values": len(VALUES),
    }
    # Four attempts within the ten seconds of `shutdown_timeout`, for ten events as for 300.
    assert all(5.0 < taken < 10.1 for taken in seconds.values())


@pytest.mark.whole_way
@pytest.mark.skipif(sys.platform == "win32", reason="forks and signals are other things there")
def test_the_particulars_are_what_the_texts_say(column: dict[str, dict[str, Any]]) -> None:
    """Do the words match the numbers? They are what people read."""
    texts = {key: one["text"] for key, one in column.items()}
    assert texts["exit"] == "250 of 250"
    assert texts["fork_queued"] == "each once"
    assert texts["full"] == "1 line, receipt: dropped"
    assert texts["naive"] == "03:04:05Z, told"
    assert column["nan"]["more"] == {"numbers": "[1.0, None, 3.0]"}
    came = column["values"]["more"]
    assert tuple(came) == VALUES
    assert (came["Decimal"], came["timedelta"], came["set"]) == ("19.95", "90.0", "[1, 2]")
    assert came["circular dict"] == '{"name": "circle", "self": "[circular]"}'


def answers(key: str, **values: float | None) -> list[Answer]:
    """Make answers to one question."""
    return [Answer(key=key, client=who, text=f"{v}", value=v) for who, v in values.items()]


def test_the_best_answer_is_the_one_that_nobody_surpasses() -> None:
    """What wins? The most or the least, as the question says; equals share it."""
    assert best(MOST, answers("most", a=3, b=5, c=5)) == ["b", "c"]
    assert best(LEAST, answers("least", a=3, b=5)) == ["a"]
    assert best(LEAST, answers("least", a=3.0, b=3.09, c=3.2)) == ["a", "b"]
    assert best(LEAST, answers("least", a=None, b=5)) == ["b"]
    assert best(MOST, answers("most", a=None)) == []
    assert best(MOST, answers("another", a=1)) == []


def test_the_comparison_can_be_lost() -> None:
    """Does the script say so if we are behind, and only then?"""
    lost = answers("most", asyncsdk=249, b=250)
    shared = answers("least", asyncsdk=7.0, b=7.05)
    assert surpassed(OURS, [MOST, LEAST], lost + shared) == [MOST]
    assert alone_best(OURS, [MOST, LEAST], lost + shared) == []
    assert surpassed(OURS, [MOST], []) == [MOST]  # without an answer nobody is best
    said = verdict([MOST, LEAST], [OURS, "b"], lost + shared)
    assert said == (
        "asyncsdk: the best answer in 1 of 2 rows, in 0 of them alone. Surpassed in: most."
    )


def test_tables_mark_the_best_and_are_aligned() -> None:
    """Can it be read? Columns begin at the same place in each line; the best stands out."""
    found = [*answers("most", asyncsdk=5, b=500_000), *answers("least", asyncsdk=1, b=1)]
    lines = text([MOST, LEAST], [OURS, "b"], found)
    assert [line.split() for line in lines if "─" not in line] == [
        ["asyncsdk", "b"],
        ["most", "5", "*500000"],
        ["least", "*1", "*1"],
    ]
    assert lines[0].index("b") == lines[2].index("*500000") == lines[3].rindex("*1")
    whole = markdown([MOST, LEAST], [OURS, "b"], found, {OURS: "1.0", "b": "2.0"})
    assert "|  | asyncsdk 1.0 | b 2.0 |" in whole
    assert "| most | 5 | **500000** |" in whole
    assert "| least | **1** | **1** |" in whole


@pytest.mark.parametrize(
    ("body", "strictly", "leniently"),
    [
        (b'{"batch": [{"event": "A"}, {"event": "B"}]}', 2, 2),
        (b'{"batch": [{"event": "A", "n": NaN}, {"event": "B"}]}', 0, 2),
        (b'{"batch": [{"event": "A", "n": -Infinity}]}', 0, 1),
        (b'{"batch": [{"event": "A"', 0, 0),
    ],
)
async def test_what_is_not_json_is_lost_to_a_strict_server(
    body: bytes, strictly: int, leniently: int
) -> None:
    """What does one NaN cost? All events of its request, wherever JSON is read as it is written."""
    async with running() as server:
        await _post(server, body)
    assert len(server.events(strictly=True)) == strictly
    assert len(server.events()) == leniently


def test_everybody_is_asked_everything() -> None:
    """Is the table whole? Each question has its own key, and we are the first column."""
    assert len(set(KEYS)) == len(QUESTIONS) == 11
    assert CLIENTS[0] == OURS
    assert len(set(CLIENTS)) == 5


async def _post(server: Server, body: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST /batch HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert b" 200 " in await reader.readline()
    writer.close()
    await writer.wait_closed()
