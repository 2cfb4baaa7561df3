"""The benchmark itself, in its smallest form, without anybody else's SDK."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.lineup import BURST, Contender
from benchmarks.plays.hold import can_look
from benchmarks.running import LossError, Scene
from benchmarks.scenarios.burst import run_once
from benchmarks.scenarios.everything import NAMES
from benchmarks.sink import running_sink
from benchmarks.workload import DATA_SETS
from tests.promises.children import without_coverage

pytestmark = pytest.mark.whole_way

ROOT = Path(__file__).parents[2]
HAS_REDIS = shutil.which("redis-server") is not None
OURS = {one.name for one in BURST if not one.peer}
MEASURED = ("cpu_us", "events_per_second", "requests", "connections", "wire_bytes", "cpu_ratio")


def test_the_smallest_benchmark_loses_nothing_and_tells_all(tmp_path: Path) -> None:
    """Each client delivers what it was asked for; the JSON has its figures and no places."""
    file = tmp_path / "figures.json"
    smallest = ["--events", "300", "--rounds", "1", "--seconds", "0.2", "--json", str(file)]

    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--without-peers", *smallest],
        cwd=ROOT,
        env=without_coverage(),  # what is measured is the client alone
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    text = file.read_text(encoding="utf-8")
    found = json.loads(text)
    assert set(found["results"]) == set(NAMES)
    silent = [name for name, result in found["results"].items() if not result["runs"]]
    assert silent == ([] if HAS_REDIS else ["scaling"])
    assert set(found["machine"]) == {"cpu", "cores", "system", "python", "versions"}
    assert str(ROOT) not in text
    check_burst(found["results"]["burst"])
    check_goals(found["goals"], done.stdout)


def check_burst(found: dict[str, Any]) -> None:
    """Everybody has all figures, and the floor carries what we carry."""
    rows = {(row["name"], row["data"]): row for row in found["rows"]}
    assert {key: row["events"] for key, row in rows.items()} == {
        (name, data): 300 for name in OURS for data in DATA_SETS
    }
    assert [(key, name) for key, row in rows.items() for name in MEASURED if not row[name]] == []
    assert min(row[name]["least"] for row in rows.values() for name in MEASURED) > 0
    for data in DATA_SETS:  # else it would be the floor of something else
        ours, floor = rows["asyncsdk", data], rows["floor", data]
        assert ours["json_bytes"]["median"] == pytest.approx(
            floor["json_bytes"]["median"], rel=0.01
        )


def check_goals(goals: list[dict[str, Any]], text: str) -> None:
    """What needs no peer was measured, with `[fast]` and without, and everything is in the table."""
    measured = [goal["figure"] for goal in goals if set(goal["met"].values()) <= {True, False}]
    assert len(goals) == 44
    assert len(measured) == 18 + can_look() + 2 * HAS_REDIS
    assert all(goal["figure"] in text and goal["goal"] in text for goal in goals)


@pytest.mark.parametrize(
    ("batch", "complaint"),
    [
        pytest.param(None, "49 events arrived, 49 of them different", id="lost"),
        pytest.param(1, "50 events arrived, 49 of them different", id="twice"),
    ],
)
def test_a_run_that_lost_an_event_has_no_figures(batch: int | None, complaint: str) -> None:
    """What arrived is compared by message id: a repeat does not make up for a loss."""
    losing = Contender(name="losing", module="tests.benchmarks.losing", batch=batch)
    scene = Scene(
        events=50, rounds=1, seconds=1.0, peers=False, cores=(None, None), say=lambda _: None
    )

    with running_sink() as sink, pytest.raises(LossError, match=complaint):
        run_once(losing, sink, scene, data="templated", number=1)
