"""docs/fields.md is true: each row is encoded for each system, and is where the cell says."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, cast, get_args

import msgspec
import pytest

from asyncsdk import GetFluxly, Inslytic
from asyncsdk.client import gate
from asyncsdk.client.gate import Call
from asyncsdk.messages import Kind, Message
from asyncsdk.seams import Destination
from tests.docs.fields import KEY, SYSTEMS, VALUES, least, leaves, places, sent
from tests.docs.test_reference import rows

TEXT = (Path(__file__).parents[2] / "docs" / "fields.md").read_text(encoding="utf-8")
KINDS = cast("tuple[Kind, ...]", get_args(Kind))
WORDS = re.compile(r"`([^`]+)`( as text)?")


class Row(NamedTuple):
    """One row of the table."""

    kinds: tuple[Kind, ...]
    field: str
    """As it is written."""
    cells: dict[str, str]

    @property
    def names(self) -> list[str]:
        """Return the fields that it speaks of."""
        return [name for name, _ in WORDS.findall(self.field)]


def table() -> Iterator[Row]:
    """Read the table."""
    found = [row for row in rows(TEXT) if len(row) == 2 + len(SYSTEMS)]
    head, *body = [[cell.strip(" |") for cell in row] for row in found]
    for calls, field, *cells in body:
        but = calls.removeprefix("all but ").split(", ")
        named: list[Kind] = [
            kind for kind in KINDS if (kind in but) is not calls.startswith("all but ")
        ]
        assert named
        yield Row(tuple(named), field, dict(zip(head[2:], cells, strict=True)))


ROWS = list(table())
CELLS = [
    pytest.param(row, system, id=f"{', '.join(row.kinds)}: {row.field} in {system}")
    for row in ROWS
    for system in row.cells
]


def found_places(row: Row, destination: Destination, name: str) -> set[str]:
    """Return the places of a field in the calls of *row*, in the form of a cell."""
    found = [places(destination, kind, name) for kind in row.kinds]
    return {
        ", ".join(sorted(f"`{path}` {how}".strip() for path, how in one.items())) or "left out"
        for one in found
        if one is not None
    } or {"skipped"}


def as_set(cell: str) -> str:
    """Return a cell with its places in order."""
    return ", ".join(sorted(cell.split(", ")))


@pytest.mark.parametrize(("row", "system"), CELLS)
def test_a_cell_says_where_a_field_is(row: Row, system: str) -> None:
    """Whoever moves an application from one system to another reads it here."""
    destination, cell = SYSTEMS[system], row.cells[system]
    if row.field == "the call":
        assert cell in said_of_call(row.kinds[0], destination)
    elif row.field.startswith("without "):
        known: list[Kind] = [
            kind for kind in row.kinds if sent(destination, least(kind)) is not None
        ]
        found = {has_form(kind, row.names[0], destination) for kind in known}
        assert (found or {"skipped"}) == {cell}
    else:
        for name in row.names:
            assert found_places(row, destination, name) == {as_set(cell)}


def said_of_call(kind: Kind, destination: Destination) -> list[str]:
    """Return what can be said of a call: whether it is sent, and each constant in its event."""
    event = sent(destination, least(kind))
    if event is None:
        return ["skipped"]
    constants = [f"`{'.'.join(path)}` = `{value}`" for path, value in leaves(event)]
    return ["sent", *constants]


def has_form(kind: Kind, missing: str, destination: Destination) -> str:
    """Say whether a call without a field is sent."""
    message = least(kind)
    setattr(message, missing, None)
    return "skipped" if sent(destination, message) is None else "sent"


def test_every_field_of_every_call_has_a_row() -> None:
    """What is not in the table would have to be found out by trying."""
    fields = {field.name for field in msgspec.structs.fields(Message)} - {"type"}
    assert set(VALUES) == fields
    assert len(ROWS) == TEXT.count("\n| ") - 6  # the legend and the head are none
    missing = [
        (kind, name)
        for kind in KINDS
        for name in (fields & set(taken_by(kind))) | {"original_timestamp"}
        if not any(
            kind in row.kinds and (name in row.names or set(row.cells.values()) == {"skipped"})
            for row in ROWS
        )
    ]
    assert missing == []


def taken_by(kind: Kind) -> set[str]:
    """Return the keywords of all calls that make a message of this kind."""
    return {
        name
        for call in vars(gate).values()
        if isinstance(call, Call) and call.kind == kind
        for name in call.takes
    }


def test_settings_change_what_is_said_below_the_table() -> None:
    """The last paragraph of the document."""
    plain = Inslytic(KEY, stringify_properties=False)
    assert places(plain, "track", "properties") == {"properties": ""}
    moved = Inslytic(KEY, identify_traits_in="traits")
    assert places(moved, "identify", "traits") == {"traits": "as text"}
    renamed = GetFluxly(KEY, timestamp_field="timestamp")
    assert places(renamed, "track", "timestamp") == {"timestamp": ""}
    other = GetFluxly(KEY, identify_form="$identify")
    assert places(other, "identify", "traits") == {"traits": ""}
    assert has_form("identify", "anonymous_id", other) == "sent"


def test_a_wrong_cell_is_found() -> None:
    """The comparison compares: neighbours' cells are not interchangeable."""
    (row,) = [one for one in ROWS if one.field == "`user_id`" and one.kinds == ("identify",)]
    found = found_places(row, SYSTEMS["Inslytic"], "user_id")
    assert found == {as_set(row.cells["Inslytic"])}
    assert found != {as_set(row.cells["Segment"])}
