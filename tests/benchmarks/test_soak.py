"""The soak: it passes what is well, and it can fail."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from asyncsdk.collector import Collector, Event
from benchmarks.soak.rules import LEAST_SAMPLES, RISE, steady, warm
from benchmarks.soak.sampling import Held, Sample, can_look
from benchmarks.soak.server import Books, take_over
from benchmarks.soak.stream import PRODUCERS, is_poisoned, poisoned, share

ROOT = Path(__file__).parents[2]
EVENTS = 12_000
HELD = Held(descriptors=10, tasks=5, threads=1)

looks = pytest.mark.skipif(not can_look(), reason="needs /proc")


def soaked(tmp_path: Path, *program: str) -> tuple[int, str, dict[str, Any]]:
    """Run a soak of its own; return its exit code, its table and its figures."""
    file = tmp_path / "soak.json"
    done = subprocess.run(
        [sys.executable, *program, *f"--events {EVENTS} --every 0.02 --json {file}".split()],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert file.exists(), done.stderr
    return done.returncode, done.stdout, json.loads(file.read_bytes())


def broken(found: dict[str, Any]) -> set[str]:
    """Name the rules that were broken."""
    return {one["rule"] for one in found["soak"]["findings"] if not one["holds"]}


@looks
@pytest.mark.whole_way
def test_a_small_soak_applies_every_rule_and_passes(tmp_path: Path) -> None:
    """Does it do what it says? Faults happen, events are refused, all is counted and judged."""
    code, table, found = soaked(tmp_path, "-m", "benchmarks.soak")
    assert broken(found) == set(), table
    assert code == 0
    rules = {one["rule"]: one for one in found["soak"]["findings"]}
    assert {rule for rule, one in rules.items() if one["kind"] == "steady"} == {
        "memory",
        "objects",
        "descriptors",
        "tasks",
        "threads",
    }
    assert rules["arrived at the server"]["value"] == EVENTS - poisoned(EVENTS)
    assert rules["rejected"]["value"] == PRODUCERS
    assert sum(found["soak"]["arrived"]["faults"].values()) > 5
    assert found["soak"]["retries"] > 5
    assert all(rule in table for rule in rules)
    assert str(ROOT) not in json.dumps(found)


@looks
@pytest.mark.whole_way
def test_a_client_that_leaks_does_not_pass(tmp_path: Path) -> None:
    """Would a leak be seen? Messages, files and tasks that are kept break six rules."""
    code, table, found = soaked(tmp_path, "tests/benchmarks/leaking.py", "leak")
    assert code == 1
    assert broken(found) == {
        "memory",
        "objects",
        "descriptors",
        "descriptors left open",
        "tasks",
        "tasks left behind",
    }
    assert "memory: BROKEN" in table


@looks
@pytest.mark.whole_way
def test_a_client_that_loses_events_does_not_pass(tmp_path: Path) -> None:
    """Would a loss be seen? Twelve events that never left are missed at both ends."""
    code, _, found = soaked(tmp_path, "tests/benchmarks/leaking.py", "lose")
    assert code == 1
    assert broken(found) >= {"delivered", "given up or dropped", "arrived at the server"}
    (arrived,) = (
        one for one in found["soak"]["findings"] if one["rule"] == "arrived at the server"
    )
    # The hook may have let go of one that was poisoned anyway.
    assert arrived["limit"] - arrived["value"] in range(11, 13)


def samples(*levels: float) -> list[Sample]:
    """Make samples with these levels of memory, one a second."""
    return [
        Sample(seconds=float(number), settled=0, pending=0, rss=int(rss), objects=0, held=HELD)
        for number, rss in enumerate(levels)
    ]


def risen(*levels: float) -> bool:
    """Say whether these levels break the rule for memory."""
    kept = samples(*levels)
    return not steady("memory", "bytes", kept, [one.rss for one in kept], part=RISE).holds


ODD = [(-1) ** number * 1_500 for number in range(60)]


@pytest.mark.parametrize(
    ("levels", "breaks"),
    [
        pytest.param([100_000 + odd for odd in ODD], False, id="level"),
        pytest.param([100_000 - 500 * number for number in range(60)], False, id="falling"),
        pytest.param(
            [100_000 + 70 * number + odd for number, odd in enumerate(ODD)], False, id="4"
        ),
        pytest.param([100_000 + 105 * number for number in range(60)], True, id="6 percent"),
        pytest.param(
            [100_000 + 120 * number + odd for number, odd in enumerate(ODD)], True, id="7, unquiet"
        ),
        pytest.param([100_000] * 35 + [106_000] * 25, True, id="a step"),
        pytest.param([100_000] * 57 + [150_000] * 3, False, id="a peak at the end"),
    ],
)
def test_a_rise_of_more_than_a_twentieth_breaks_the_rule(
    *, levels: list[float], breaks: bool
) -> None:
    """What is a leak, and what is noise? The rule's two measures tell them apart."""
    assert risen(*levels) is breaks


def test_too_few_samples_have_not_passed() -> None:
    """What if it was over at once? What was not measured is no proof."""
    assert risen(*[100_000] * (LEAST_SAMPLES - 1))
    assert not risen(*[100_000] * LEAST_SAMPLES)


def test_the_first_fifth_is_warm_up() -> None:
    """Does filling the queue count as a leak? Not in the first fifth of the time."""
    assert [one.seconds for one in warm(samples(*range(11)))] == [float(n) for n in range(2, 11)]
    assert warm([]) == []


async def test_the_books_know_repeats_new_names_clashes_and_strangers() -> None:
    """Is "arrived" more than a sum? Each event is known, and so is the id that it came with."""
    books = Books([3, 2])
    came = [
        ("a", 0, 0),
        ("a", 0, 0),  # a repeat, with its id
        ("b", 0, 1),
        ("c", 0, 1),  # a repeat under another id
        ("b", 1, 0),  # another event under a known id
        ("d", 1, 2),  # producer 1 makes two only
        ("e", 2, 0),  # there is no producer 2
        ("f", None, 0),
    ]
    for message_id, producer, number in came:
        books.tick(_event(message_id, {"producer": producer, "number": number}))
    arrived = books.close()
    assert (arrived.events, arrived.repeats, arrived.renamed) == (3, 2, 1)
    assert (arrived.clashes, arrived.strangers, arrived.poisoned) == (1, 3, 0)


async def test_what_is_taken_over_is_taken_over_once() -> None:
    """Can the collector's bounds lose a count? It is emptied into the books as it goes."""
    books = Books([2])
    async with Collector() as collector:
        for number in range(2):
            await _post(collector.url, number)
            take_over(collector, books)
            take_over(collector, books)
        assert list(collector.events) == []
    arrived = books.close()
    assert (arrived.events, arrived.repeats, arrived.requests) == (2, 0, 2)


def test_every_event_has_one_producer_and_the_poisoned_ones_are_known() -> None:
    """Do the shares add up, for any number of events?"""
    for events in (1, 9, 10, 1_005, 12_000, 200_999, 2_000_000):
        counts = [share(events, producer) for producer in range(PRODUCERS)]
        assert sum(counts) == events
        assert poisoned(events) == sum(is_poisoned(n) for count in counts for n in range(count))


def _event(message_id: str, properties: dict[str, Any]) -> Event:
    return Event(
        number=1,
        request=1,
        message_id=message_id,
        type="track",
        system="rudderstack",
        write_key="***",
        received=0.0,
        body={"messageId": message_id, "properties": properties},
    )


async def _post(url: str, number: int) -> None:
    event = {
        "type": "track",
        "event": "E",
        "userId": "u",
        "messageId": f"m-{number}",
        "properties": {"producer": 0, "number": number},
    }
    body = json.dumps({"batch": [event]}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    head = (
        f"POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Basic a2V5Og==\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode() + body)
    assert b" 200 " in await reader.readline()
    writer.close()
    await writer.wait_closed()
