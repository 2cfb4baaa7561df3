"""Ids on the wire: numbers are written as JavaScript writes them."""

import json
import random
import shutil
import subprocess

import pytest

from asyncsdk.wire.ids import id_text, number_text

# What Node 20 answers to String(value) for the same doubles.
JAVASCRIPT: dict[float, str] = {
    1.0: "1",
    -1.0: "-1",
    4.5: "4.5",
    -4.5: "-4.5",
    0.1: "0.1",
    100.0: "100",
    123456789.0: "123456789",
    9007199254740991.0: "9007199254740991",
    9007199254740992.0: "9007199254740992",
    1e20: "100000000000000000000",
    123e18: "123000000000000000000",
    30318594544552591360.0: "30318594544552590000",
    1e21: "1e+21",
    -1e21: "-1e+21",
    1.5e21: "1.5e+21",
    1e22: "1e+22",
    1e100: "1e+100",
    1.7976931348623157e308: "1.7976931348623157e+308",
    0.001: "0.001",
    0.0001: "0.0001",
    0.00001: "0.00001",
    0.000001: "0.000001",
    0.00000123: "0.00000123",
    -0.00000123: "-0.00000123",
    0.0000001: "1e-7",
    1.23e-7: "1.23e-7",
    -1.23e-10: "-1.23e-10",
    5e-324: "5e-324",
    1 / 3: "0.3333333333333333",
    123456.789: "123456.789",
    1e16: "10000000000000000",
    1.2345678901234567e16: "12345678901234568",
}


@pytest.mark.parametrize(("value", "text"), JAVASCRIPT.items())
def test_a_number_is_written_as_javascript_writes_it(value: float, text: str) -> None:
    """An id that a Node service sent as 4 and we send as 4.0 is the same user."""
    assert number_text(value) == text


@pytest.mark.parametrize("value", [1, -7, 2**53 + 1, 2**64, 2**80, -(2**80)])
def test_a_whole_number_of_any_size_is_exact(value: int) -> None:
    """JavaScript would round above 2**53; an id must not change."""
    assert number_text(value) == str(value)


@pytest.mark.parametrize("value", [None, "", "user-1", "42", 0, 0.0])
def test_texts_and_what_names_nobody_pass(value: str | float | None) -> None:
    """Texts, zero and nothing are left as they are, as the vendor's SDK leaves them."""
    assert id_text(value) is value


@pytest.mark.parametrize(("value", "text"), [(42, "42"), (4.0, "4"), (-3, "-3"), (1e21, "1e+21")])
def test_a_number_that_names_somebody_becomes_text(value: float, text: str) -> None:
    """42 and "42" are one user at the server."""
    assert id_text(value) == text


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.whole_way
def test_node_agrees_with_the_table_and_with_chance() -> None:
    """The table is what Node says, and a thousand random doubles are written alike."""
    draw = random.Random(1)
    numbers = [draw.uniform(-1, 1) * 10.0 ** draw.randint(-30, 30) for _ in range(1_000)]
    numbers += list(JAVASCRIPT)
    program = "console.log(JSON.stringify(JSON.parse(process.argv[1]).map(String)))"
    node = shutil.which("node") or ""
    ended = subprocess.run(
        [node, "-e", program, json.dumps(numbers)], capture_output=True, text=True, check=True
    )
    assert [number_text(number) for number in numbers] == json.loads(ended.stdout)
