"""The command `map`: events in, calls out; and what is wrong with a mapping."""

import json
from pathlib import Path
from typing import Any

import pytest

from asyncsdk.cli import main
from asyncsdk.cli.lines import read_line
from tests.cli.running import run
from tests.mapping.events import event

RULES: dict[str, Any] = {
    "order": {
        "complete": {
            "name": "Order Completed",
            "data": {"map": {"total": "data.total", "coupon": "data.coupon"}},
            "settings": {"identify": {"map": {"traits": {"map": {"plan": "user.plan"}}}}},
        }
    },
    "cart": {"*": [{"condition": {"key": "data.x", "operator": "exists"}}, {"skip": True}]},
}


@pytest.fixture
def mapping(tmp_path: Path) -> str:
    """A mapping in a file."""
    path = tmp_path / "mapping.json"
    path.write_text(json.dumps({"mapping": RULES}), encoding="utf-8")
    return str(path)


@pytest.fixture
def events(tmp_path: Path) -> str:
    """Three events in a file, and a line that is none."""
    lines = [json.dumps(event()), "", "no event", json.dumps(event("page view", id="2"))]
    path = tmp_path / "events.ndjson"
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def test_calls_are_printed_as_lines(
    mapping: str, events: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What would be sent? A line for each call; a bad line is named, and makes exit code 1."""
    assert main(["map", mapping, events]) == 1
    out, err = capsys.readouterr()
    found = [json.loads(line) for line in out.splitlines()]
    assert [(one["type"], one["messageId"]) for one in found] == [
        ("identify", "event-1-identify"),
        ("track", "event-1"),
        ("track", "2"),
    ]
    assert found[1]["properties"] == {"total": 19.95}
    assert "line 3: not JSON" in err
    assert 'warning: rules.cart.*[1].skip: is called "silent" now' in err


def test_the_lines_can_be_sent(
    mapping: str, events: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`asyncsdk map … | asyncsdk demo --ndjson -`: they are read there, and nothing is unknown."""
    main(["map", mapping, events])
    lines = [read_line(line.encode()) for line in capsys.readouterr().out.splitlines()]
    assert [(line.call.kind, line.unknown) for line in lines] == [
        ("identify", ()),
        ("track", ()),
        ("track", ()),
    ]


def test_check_tells_what_is_unused_and_never_found(
    mapping: str, events: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which of my rules lead nowhere? Those that no event met, and paths that found nothing."""
    main(["map", mapping, events, "--check"])
    assert capsys.readouterr().out.splitlines() == [
        "unused rule: rules.cart.*[0]",
        "unused rule: rules.cart.*[1]",
        "never found: rules.order.complete.data.map.coupon: data.coupon",
        "never found: rules.order.complete.settings.identify.map.traits.map.plan: user.plan",
        "The mapping is good; 3 events were looked at.",
    ]


def test_check_needs_no_events(mapping: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Is my file right? That is told without any event."""
    assert main(["map", mapping, "--check"]) == 0
    assert capsys.readouterr().out.startswith("The mapping is good.")


def test_a_wrong_mapping_is_told_by_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and where the mistake is."""
    path = tmp_path / "m.json"
    path.write_text('{"mapping": {"a": {"b": {"data": {"map": {"x": {"loops": 1}}}}}}}')
    assert main(["map", str(path), "--check"]) == 2
    assert 'rules.a.b.data.map.x: unknown key "loops"' in capsys.readouterr().err
    assert main(["map", str(path), "--check", "--compat", "walkeros"]) == 0
    assert main(["map", str(tmp_path / "none.json")]) == 2


def test_functions_come_from_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """My mapping names functions: the command is told where they are; one that raises is named."""
    (tmp_path / "shop_functions.py").write_text(
        "functions = {'twice': lambda value, context: value['data']['total'] * 2}\nother = 5\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "m.json"
    path.write_text('{"data": {"map": {"double": {"fn": "twice"}}}}')
    lines = tmp_path / "events.ndjson"
    lines.write_text(json.dumps(event()) + "\n" + json.dumps(event(data={})))
    assert main(["map", str(path), str(lines), "--functions", "shop_functions:functions"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out.splitlines()[0])["properties"] == {"double": 39.9}
    assert "line 2: data.map.double.fn: KeyError" in err
    for wrong in ("shop_functions:other", "shop_functions:none", "no_such_module", ":"):
        assert main(["map", str(path), str(lines), "--functions", wrong]) == 2
        assert "--functions: " in capsys.readouterr().err


@pytest.mark.whole_way
def test_events_come_from_a_pipe(mapping: str) -> None:
    """Without a file, stdin is read."""
    ended = run("map", mapping, given=json.dumps(event()).encode())
    assert (ended.returncode, len(ended.stdout.splitlines())) == (0, 2)
