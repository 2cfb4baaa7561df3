"""Every Python block of README.md and docs/ runs as it stands, and its events arrive.

A block is a program of its own: a fresh interpreter runs it, it must end with 0 and write nothing
to stderr. The addresses in DATA_PLANES are replaced by a running collector's; a block that makes
a call must bring at least one event there, or start a collector or a recording of its own and assert what came.
A block that cannot run says why on the line above: `<!-- not run: needs a Redis server -->`.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import anyio
import pytest

from asyncsdk.collector import Collector
from tests.docs.blocks import Block, blocks
from tests.stores.redis.servers import DURABLE, running

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ALONE = Path(__file__).with_name("alone.py")
DATA_PLANES = re.compile(
    r"https://(dataplane\.example\.com|us\.i\.posthog\.com"
    r"|api\.(segment\.io|inslytic\.com|getfluxly\.com))(?![\w.])"
)
A_CALL = re.compile(
    r"\.(track|identify|page|screen|group|group_identify|alias|capture|capture_exception|push)\("
)
SECONDS = 30
REDIS = "redis://localhost:6379/0"


def in_documents(*languages: str) -> list[object]:
    """Return the documents' blocks in *languages* as parameters, named document:line."""
    return [
        pytest.param(
            block,
            id=f"{document.relative_to(ROOT)}:{block.line}",
            marks=[pytest.mark.skip(reason=block.not_run)] if block.not_run else [],
        )
        for document in DOCUMENTS
        for block in blocks(document.read_text(encoding="utf-8"))
        if block.language in languages
    ]


def sessions() -> set[str]:
    """Return the names of the sessions in noxfile.py."""
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any("session" in ast.unparse(mark) for mark in node.decorator_list)
    }


def named_sessions(shell: str) -> set[str]:
    """Return the sessions that `nox -s …` commands in *shell* ask for."""
    asked = re.findall(r"\bnox\b[^\n#]*?(?:-s|-e|--sessions?)[ =]([^\n#]*)", shell)
    return {name for words in asked for name in re.split(r"\s--?", words)[0].split()}


def asserts_arrival(program: str) -> bool:
    """Say whether *program* has a collector, or a recording, of its own and asserts what came."""
    tree = ast.parse(program)
    entered = {
        ast.unparse(item.optional_vars): ast.unparse(item.context_expr).partition("(")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.With | ast.AsyncWith)
        for item in node.items
        if item.optional_vars
    }
    of_interest = {f"{name}.events" for name, what in entered.items() if what == "Collector"}
    of_interest |= {f"{name}.as_dicts" for name, what in entered.items() if what == "record"}
    # What is taken from the events under another name is of interest as well.
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(name in ast.unparse(node) for name in of_interest):
            of_interest |= {ast.unparse(name) for name in names_in(node.targets)}
    return any(
        of_interest & {ast.unparse(part) for part in ast.walk(node)}
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
    )


def names_in(targets: Iterable[ast.expr]) -> Iterator[ast.Name]:
    """Yield the names that an assignment to *targets* gives values to."""
    for target in targets:
        yield from (part for part in ast.walk(target) if isinstance(part, ast.Name))


@pytest.fixture(scope="module")
def redis() -> Iterator[str]:
    """Run a Redis server for the examples that need one."""
    with running("7", *DURABLE) as server:
        yield server.url


@pytest.mark.whole_way
@pytest.mark.parametrize("block", in_documents("python", "py"))
async def test_an_example_runs_as_it_stands(
    block: Block, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A README that lies is worse than none."""
    async with Collector() as collector:
        program = tmp_path / "example.py"
        text = DATA_PLANES.sub(collector.url, block.text)
        if REDIS in text:
            text = text.replace(REDIS, request.getfixturevalue("redis"))
        program.write_text(text, encoding="utf-8")
        with anyio.fail_after(SECONDS):
            ended = await anyio.run_process(
                [sys.executable, str(ALONE), str(program)], check=False, cwd=tmp_path
            )
        arrived = len(collector.events)
    assert (ended.returncode, ended.stderr.decode()) == (0, "")
    silent = not A_CALL.search(block.text)
    assert arrived or silent or asserts_arrival(block.text), "its events did not arrive"


@pytest.mark.parametrize(
    "attempt",
    [
        'socket.getaddrinfo("elsewhere.invalid", 443)',
        'socket.socket().connect(("192.0.2.1", 443))',
        'asyncio.run(asyncio.open_connection("elsewhere.invalid", 443))',
        'asyncio.run(asyncio.open_connection("192.0.2.1", 443))',
    ],
)
async def test_an_example_cannot_leave_this_machine(attempt: str, tmp_path: Path) -> None:
    """Nobody who runs the tests sends events to a real system, even if the example hides it."""
    program = tmp_path / "example.py"
    program.write_text(
        f"import asyncio, contextlib, socket\nwith contextlib.suppress(OSError):\n    {attempt}\n"
    )
    ended = await anyio.run_process([sys.executable, str(ALONE), str(program)], check=False)
    assert b"must not leave this machine" in ended.stderr


@pytest.mark.parametrize("block", in_documents("bash", "sh", "shell", "console"))
def test_a_command_names_sessions_that_exist(block: Block) -> None:
    """Whoever copies a command from the README gets what it says."""
    assert named_sessions(block.text) <= sessions()


def test_the_readme_begins_with_an_example() -> None:
    """The first Python block is the promise on the first screen: it is run, not excused."""
    first = next(
        block for block in blocks(DOCUMENTS[0].read_text("utf-8")) if block.language == "python"
    )
    assert not first.not_run
    assert A_CALL.search(first.text)


@pytest.mark.parametrize(
    ("program", "asserts"),
    [
        ("with Collector() as it: pass\nassert it.events[0].body", True),
        ("with Collector() as it: pass\nfirst, _ = it.events\nassert first.body", True),
        ("with Collector() as it: pass\nfirst = it.events[0]\nassert True", False),
        ("with Other() as it: pass\nassert it.events", False),
        ("Collector()\nassert it.events", False),
    ],
)
def test_looking_without_asserting_is_not_enough(program: str, asserts: bool) -> None:  # noqa: FBT001
    """An example with a server of its own is held to the same promise as one without."""
    assert asserts_arrival(program) is asserts


def test_blocks_are_read_with_language_place_and_excuse() -> None:
    """Indented, longer and excused fences are all blocks; a fence without a language is not."""
    text = (
        "# A\n\n```python\na = 1\n```\n\n"
        "- item\n\n  ```bash\n  nox -s tests -- -x\n  ```\n\n"
        "<!-- not run: needs Redis -->\n````py\n```\n````\n\n"
        "```\nplain\n```\n"
    )
    assert blocks(text) == [
        Block("python", "a = 1\n", 4, ""),
        Block("bash", "nox -s tests -- -x\n", 10, ""),
        Block("py", "```\n", 15, "needs Redis"),
    ]


@pytest.mark.parametrize(
    ("shell", "names"),
    [
        ("nox", set[str]()),
        ("nox -s tests -- -x", {"tests"}),
        ("pip install nox\npython -m nox --session lint types  # quick", {"lint", "types"}),
        ("nox -R -s demo", {"demo"}),
    ],
)
def test_sessions_are_found_in_commands(shell: str, names: set[str]) -> None:
    """The check above reads the spellings that people use."""
    assert named_sessions(shell) == names
