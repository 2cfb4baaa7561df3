"""What is made of the figures of one queue: the needs of larger ones, told in docs/scaling.md."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import told
from benchmarks.machine import ROOT, Machine
from benchmarks.report import Report
from benchmarks.scenarios.everything import NAMES, Results
from benchmarks.scenarios.scaling import Result, Run, needs, table


def _run(name: str, redis_us: float) -> Run:
    return Run(
        name=name,
        round=1,
        stored_per_second=1_000.0,
        delivered_per_second=2_000.0,
        redis_us=redis_us,
        memory_bytes=500.0,
        network_bytes=1_000.0,
        producer_us=10.0,
        worker_us=20.0,
    )


RUNS = [_run("1 producer, 1 worker", 4.0), _run("2 producers, 2 workers", 6.0)]


def _report(result: Result) -> Report:
    machine = Machine(cpu="one", cores=2, system="any", python="CPython 3.11", versions={})
    results = Results(scaling=result)
    return Report(
        format=2, machine=machine, events=1, rounds=1, remarks=[], goals=[], results=results
    )


def test_benchmarks_need_no_redis_py() -> None:
    """Nothing but the package itself, says their README; the help names what there is."""
    code = (
        "import sys; sys.modules['redis'] = None\n"
        "from benchmarks.__main__ import read\n"
        "from benchmarks.redis import running_redis\n"
        "with running_redis() as url: assert url == ''\n"
        "read(['--help'])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    for name in NAMES:
        assert re.search(rf"^  {name} +\S.{{20,}}$", ended.stdout, re.MULTILINE), name


def test_needs_are_the_measured_costs_times_the_load() -> None:
    """A million events a second at 5 µs are five cores, of ten servers that are half busy."""
    million = next(need for need in needs(RUNS) if need.load == 1_000_000)

    assert million.shards == 10
    assert million.memory_gb == pytest.approx(1_800.0)
    assert million.network_gbit == pytest.approx(8.0)
    assert million.worker_cores == 20
    assert needs([]) == []


def test_the_kept_run_writes_its_figures_into_the_document(tmp_path: Path) -> None:
    """Over and over, and nothing around them; where nothing was measured they stay."""
    file = tmp_path / "scaling.md"
    file.write_text(f"before\n{told.BEGIN}\nold\n{told.END}\nafter\n", "utf-8")
    found = _report(Result(needs=needs(RUNS), runs=RUNS))

    for _ in range(2):
        told.write(found, file)
    told.write(_report(Result(needs=[], runs=[])), file)

    text = file.read_text("utf-8")
    assert text.startswith(f"before\n{told.BEGIN}\n")
    assert text.endswith(f"{told.END}\nafter\n")
    assert text.count("2 producers, 2 workers") == 1
    assert "old" not in text
    assert table(Result(needs=needs(RUNS), runs=RUNS)) in text


def test_the_document_has_a_place_for_them() -> None:
    """Else the kept run would add to its end."""
    text = told.FILE.read_text("utf-8")
    assert 0 < text.index(told.BEGIN) < text.index(told.END)
