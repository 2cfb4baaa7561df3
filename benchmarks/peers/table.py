"""Table: the answers side by side, as text and as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.peers.questions import (
    OURS,
    VALUES,
    Answer,
    Question,
    alone_best,
    best,
    surpassed,
)

#: Marks the best answers of a row.
MARK = "*"

_ASKED = ""


def text(
    questions: Sequence[Question], clients: Sequence[str], answers: Sequence[Answer]
) -> list[str]:
    """Return the table as aligned lines; the best answers are marked."""
    rows = [[_ASKED, *clients]]
    rows += [[one.asked, *_cells(one, clients, answers, mark=MARK)] for one in questions]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines.insert(1, "  ".join("─" * width for width in widths))
    return lines


def _cells(
    question: Question, clients: Sequence[str], answers: Sequence[Answer], *, mark: str
) -> list[str]:
    found = {one.client: one.text for one in answers if one.key == question.key}
    winners = best(question, answers)
    cells: list[str] = []
    for client in clients:
        said = found.get(client, "")
        cells.append(f"{mark}{said}{mark if mark != MARK else ''}" if client in winners else said)
    return cells


def markdown(
    questions: Sequence[Question],
    clients: Sequence[str],
    answers: Sequence[Answer],
    versions: Mapping[str, str],
) -> str:
    """Return the tables as Markdown; the best answers are bold."""
    rows = [
        [_ASKED, *(f"{client} {versions[client]}" for client in clients)],
        ["---"] * (len(clients) + 1),
        *([one.asked, *_cells(one, clients, answers, mark="**")] for one in questions),
    ]
    rules = [["row", "what is done", "the best answer"], ["---"] * 3]
    rules += [[one.asked, one.how, one.wins] for one in questions]
    parts = [_lines(rows), "What is done, and what makes the best answer:\n\n" + _lines(rules)]
    values = {one.client: one.more for one in answers if one.key == "values"}
    if values:
        rows = [["value", *clients], ["---"] * (len(clients) + 1)]
        rows += [
            [name, *(f"`{values.get(client, {}).get(name, '')}`" for client in clients)]
            for name in VALUES
        ]
        parts.append("The values, as they came:\n\n" + _lines(rows))
    parts.insert(1, verdict(questions, clients, answers))
    return "\n\n".join(parts) + "\n"


def _lines(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def verdict(
    questions: Sequence[Question], clients: Sequence[str], answers: Sequence[Answer]
) -> str:
    """Say in which rows nobody surpasses this SDK, and in which somebody does."""
    if OURS not in clients or len(clients) < 2:
        return "Nobody to compare with."
    behind = surpassed(OURS, questions, answers)
    alone = len(alone_best(OURS, questions, answers))
    count = len(questions) - len(behind)
    text = f"{OURS}: the best answer in {count} of {len(questions)} rows, in {alone} of them alone"
    return (
        f"{text}. Surpassed in: {'; '.join(one.asked for one in behind)}." if behind else f"{text}."
    )
