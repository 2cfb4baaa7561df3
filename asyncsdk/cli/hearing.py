"""Hearing: what the SDK logs, shown beside the results of a command that nobody gave a log.

As a library it is silent unless its host listens. Here the command is the host.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from asyncsdk.cli.screen import Screen
from asyncsdk.reporting import logger


class _OnScreen(logging.Handler):
    """Show each line beside the results."""

    def __init__(self, screen: Screen) -> None:
        super().__init__()
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        """Show one line."""
        self._screen.complain(self.format(record))


@contextmanager
def heard(screen: Screen) -> Iterator[None]:
    """Show what is logged within the block; good news too, unless a level was chosen."""
    handler, level = _OnScreen(screen), logger.level
    logger.addHandler(handler)
    if level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
