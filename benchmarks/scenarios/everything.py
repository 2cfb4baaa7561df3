"""Everything: all scenarios one after the other, and what came of each."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module

from msgspec import Struct, structs

from benchmarks.goals import Goal
from benchmarks.running import Scene
from benchmarks.scenarios import (
    backlog,
    burst,
    durable,
    flags,
    hold,
    hosts,
    imports,
    mapping,
    scaling,
    several,
    single,
    slow,
    steady,
    threads,
)


class Results(Struct, frozen=True, kw_only=True):
    """What each scenario found out; None where it was not asked for."""

    burst: burst.Result | None = None
    steady: steady.Result | None = None
    hold: hold.Result | None = None
    imports: imports.Result | None = None
    single: single.Result | None = None
    slow: slow.Result | None = None
    threads: threads.Result | None = None
    backlog: backlog.Result | None = None
    several: several.Result | None = None
    flags: flags.Result | None = None
    mapping: mapping.Result | None = None
    durable: durable.Result | None = None
    hosts: hosts.Result | None = None
    scaling: scaling.Result | None = None


#: The scenarios, in the order in which they are measured and told.
NAMES = tuple(field.name for field in structs.fields(Results))


def told_in_lines() -> str:
    """Say what each scenario asks, by the first line of its module."""
    words = (import_module(f"benchmarks.scenarios.{name}").__doc__ or "" for name in NAMES)
    lines = (one.partition("\n")[0].partition(": ")[2].rstrip(".") for one in words)
    return "\n".join(f"  {name:<9}{line}" for name, line in zip(NAMES, lines, strict=True))


def measure(scene: Scene, names: Collection[str]) -> Results:
    """Measure the scenarios *names*.

    Raises:
        LossError: Somebody lost an event, or delivered one twice.
        RuntimeError: A client ended with an error.
    """
    return Results(
        burst=burst.measure(scene) if "burst" in names else None,
        steady=steady.measure(scene) if "steady" in names else None,
        hold=hold.measure(scene) if "hold" in names else None,
        imports=imports.measure(scene) if "imports" in names else None,
        single=single.measure(scene) if "single" in names else None,
        slow=slow.measure(scene) if "slow" in names else None,
        threads=threads.measure(scene) if "threads" in names else None,
        backlog=backlog.measure(scene) if "backlog" in names else None,
        several=several.measure(scene) if "several" in names else None,
        flags=flags.measure(scene) if "flags" in names else None,
        mapping=mapping.measure(scene) if "mapping" in names else None,
        durable=durable.measure(scene) if "durable" in names else None,
        hosts=hosts.measure(scene) if "hosts" in names else None,
        scaling=scaling.measure(scene) if "scaling" in names else None,
    )


def tables(found: Results) -> list[str]:
    """Write the tables of all that was measured."""
    written = (
        found.burst and burst.table(found.burst),
        found.steady and steady.table(found.steady),
        found.hold and hold.table(found.hold),
        found.imports and imports.table(found.imports),
        found.single and single.table(found.single),
        found.slow and slow.table(found.slow),
        found.threads and threads.table(found.threads),
        found.backlog and backlog.table(found.backlog),
        found.several and several.table(found.several),
        found.flags and flags.table(found.flags),
        found.mapping and mapping.table(found.mapping),
        found.durable and durable.table(found.durable),
        found.hosts and hosts.table(found.hosts),
        found.scaling and scaling.table(found.scaling),
    )
    return [text for text in written if text]


def goals(found: Results) -> list[Goal]:
    """Return the goals of all that was measured."""
    asked = (
        found.burst and burst.goals(found.burst),
        found.steady and steady.goals(found.steady),
        found.hold and hold.goals(found.hold),
        found.imports and imports.goals(found.imports),
        found.single and single.goals(found.single),
        found.slow and slow.goals(found.slow),
        found.threads and threads.goals(found.threads),
        found.backlog and backlog.goals(found.backlog),
        found.several and several.goals(found.several),
        found.flags and flags.goals(found.flags),
        found.mapping and mapping.goals(found.mapping),
        found.durable and durable.goals(found.durable),
        found.hosts and hosts.goals(found.hosts),
        found.scaling and scaling.goals(found.scaling),
    )
    return [goal for some in asked if some for goal in some]
