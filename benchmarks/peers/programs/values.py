"""Values that JSON does not know, as they stand in applications' properties."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from uuid import UUID


@dataclass
class Item:
    """A dataclass."""

    sku: str
    price: float


class Plan(Enum):
    """An Enum."""

    PRO = "pro"


def make_values() -> dict[str, object]:
    """Return the values, in the order of the question's names."""
    circular: dict[str, object] = {"name": "circle"}
    circular["self"] = circular
    return {
        "Decimal": Decimal("19.95"),
        "aware datetime": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "naive datetime": datetime(2026, 1, 2, 3, 4, 5),  # noqa: DTZ001 - what is asked
        "date": date(2026, 1, 2),
        "time": time(1, 2),
        "timedelta": timedelta(seconds=90),
        "UUID": UUID(int=7),
        "set": {1, 2},
        "tuple": (1, 2),
        "bytes, not text": b"\xff\x00",
        "dataclass": Item("sku-1", 19.95),
        "Enum": Plan.PRO,
        "Path": PurePosixPath("reports") / "may.pdf",
        "function": len,
        "2**80": 2**80,
        "circular dict": circular,
        "dict with an int key": {1: "a"},
        "lone surrogate": "a\ud800b",
    }
