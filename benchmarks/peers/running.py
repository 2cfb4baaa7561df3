"""Running: all questions to all clients, in an order that leaves the clock alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from benchmarks.peers.asking import ask
from benchmarks.peers.children import interpreter
from benchmarks.peers.questions import Answer, Question


async def run_all(
    questions: Sequence[Question], clients: Sequence[str], tell: Callable[[Answer], None]
) -> list[Answer]:
    """Return all answers, in the order of the questions; *tell* hears of each one at once.

    Clients answer a question at the same time, since they mostly wait, unless it wants to be
    alone; questions that do nothing but wait go first and together.

    Raises:
        RuntimeError: A client could not be installed or did not start.
    """
    for client in clients:  # one after the other: they share the installer's cache
        await asyncio.to_thread(interpreter, client)
    answers: dict[tuple[str, str], Answer] = {}

    async def one(question: Question, client: str) -> None:
        answers[question.key, client] = answer = await ask(question.key, client)
        tell(answer)

    patient = [question for question in questions if question.waits]
    await asyncio.gather(*(one(question, client) for question in patient for client in clients))
    for question in questions:
        if question.alone:
            for client in clients:
                await one(question, client)
        elif not question.waits:
            await asyncio.gather(*(one(question, client) for client in clients))
    return [answers[question.key, client] for question in questions for client in clients]
