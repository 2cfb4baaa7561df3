"""What is made of the figures: ratios, goals, changes, the chart."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct, structs

from benchmarks import kept
from benchmarks.__main__ import read
from benchmarks.figures import Spread, over, ratio
from benchmarks.goals import Goal, ask, part, table, worst
from benchmarks.machine import Machine
from benchmarks.report import Report
from benchmarks.scenarios.burst import Result, Row
from benchmarks.scenarios.everything import Results
from benchmarks.wires import WIRES


class Run(Struct, frozen=True):
    """A run with one figure."""

    name: str
    round: int
    value: float


def _value(run: Run) -> float:
    return run.value


def test_a_ratio_compares_runs_of_one_round() -> None:
    """The machine was twice as slow in round 2: the medians moved, the ratio did not."""
    runs = [Run("a", 1, 10.0), Run("b", 1, 5.0), Run("b", 2, 10.0), Run("a", 2, 20.0)]

    assert over(runs, "a", _value) == Spread(median=15.0, least=10.0, most=20.0)
    assert ratio(runs, "a", "b", _value) == Spread(median=2.0, least=2.0, most=2.0)
    assert ratio(runs, "a", "nobody", _value) is None


def _goal(plain: float | None, fast: float | None) -> Goal:
    values = {"asyncsdk": plain, "asyncsdk[fast]": fast}
    return ask("CPU, against somebody", "≤ 1/20", 1 / 20, part, values.__getitem__)


def test_a_goal_is_met_missed_or_not_measured() -> None:
    """What was not measured must not pass for met, and the table says which it is."""
    met, missed, none = _goal(0.05, 0.04), _goal(0.06, 2.0), _goal(None, None)

    assert met.met == {"asyncsdk": True, "asyncsdk[fast]": True}
    assert missed.met == {"asyncsdk": False, "asyncsdk[fast]": False}
    assert none.met == {"asyncsdk": None, "asyncsdk[fast]": None}
    assert (met.shown["asyncsdk"], missed.shown["asyncsdk[fast]"]) == ("1/20.0", "2.00 x")
    text = table([met, missed, none])
    assert "asyncsdk: 1 met, 1 missed, 1 not measured" in text
    assert worst([0.1, 0.2]) == 0.2
    assert worst([0.1, None]) is None


def _spread(value: float) -> Spread:
    return Spread(median=value, least=value, most=value)


def _row(name: str, cpu_us: float) -> Row:
    figures: dict[str, Any] = dict.fromkeys(Row.__struct_fields__)
    figures.update(name=name, data="varied", events=100, cpu_us=_spread(cpu_us))
    figures["events_per_second"] = _spread(1e6 / cpu_us)
    return Row(**figures)


def _report(cpu_us: float) -> Report:
    rows = [_row("asyncsdk", cpu_us), _row("rudder-sdk-python", 100.0)]
    machine = Machine(cpu="one", cores=2, system="any", python="CPython 3.11", versions={"a": "1"})
    return Report(
        format=2,
        machine=machine,
        events=100,
        rounds=1,
        remarks=[],
        goals=[_goal(cpu_us / 100, None)],
        results=Results(burst=Result(rows=rows, remarks=[], runs=[])),
    )


def test_a_run_says_what_changed_against_the_kept_one(tmp_path: Path) -> None:
    """Three figures of ours doubled or halved, two of a peer stayed; another machine is named."""
    file = tmp_path / "results" / "bench.json"
    kept.write(_report(4.0), file, runs=False)
    then = kept.read(file)
    now = _report(8.0)
    now = structs.replace(now, machine=structs.replace(now.machine, cpu="two", versions={"a": "2"}))

    text = kept.changes(then, now)

    assert "2 figures within 10%, 3 not" in text
    assert "then on one, CPython 3.11" in text
    assert "a 1 → 2" in text
    lines = {line.rsplit(None, 3)[0].strip(): line.split()[-3:] for line in text.splitlines()}
    assert lines["CPU µs/event, varied: asyncsdk"] == ["4", "8", "2.00"]
    assert lines["events/s, varied: asyncsdk"] == ["2.5e+05", "1.25e+05", "0.50"]
    assert lines["CPU, against somebody: asyncsdk"] == ["0.04", "0.08", "2.00"]
    assert kept.changes(None, now).endswith("none is kept")
    assert kept.read(tmp_path / "missing.json") is None


@pytest.mark.parametrize("also", [["--quick"], ["--without-peers"], ["--only", "burst"]])
def test_only_a_full_run_is_kept(also: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The README shows what is kept: a quick look must not end up there."""
    assert read(["--keep"]).keep

    with pytest.raises(SystemExit):
        read(["--keep", *also])

    assert "full runs" in capsys.readouterr().err


def test_the_chart_is_a_picture(tmp_path: Path) -> None:
    """It is drawn from what is kept, without the single runs."""
    from benchmarks.chart import draw

    draw(_report(4.0), tmp_path / "chart.png")

    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (b"/v1/batch", {"batch": [{"messageId": "1"}, {"messageId": "2"}]}),
        (b"/batch/", {"api_key": "k", "batch": [{"uuid": "1"}, {"uuid": "2"}]}),
        (b"/v1/events/batch", {"events": [{"message_id": "1"}, {"message_id": "2"}]}),
        (b"/com.snowplowanalytics.snowplow/tp2", {"data": [{"eid": "1"}, {"eid": "2"}]}),
    ],
)
def test_events_of_each_wire_are_known_by_their_ids(path: bytes, body: dict[str, Any]) -> None:
    """A loss can be seen only where the ids are found."""
    assert WIRES[path](msgspec.json.encode(body)) == ["1", "2"]
