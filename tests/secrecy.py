"""What tests plant and nobody may see: keys, addresses, contents of events.

Whatever is secret in a test begins with `planted-`, and workloads that tests share carry all three
kinds. A guard reads every log record of the whole run, with its arguments and traceback, of any
logger (asyncio says there what nobody else caught); a test that makes one with a planted word
fails. What child processes write is searched where they are started.
"""

import logging
import re
from collections.abc import Generator
from contextlib import suppress

import pytest

EMAIL = "planted-person@example.com"
WORD = "planted-contents"

# As it is, and as it begins in a header: a key goes on the wire in base64.
_PLANTED = re.compile(r"(?:planted-|cGxhbnRlZC)[^\s'\"]*")


def planted_in(*texts: object) -> list[str]:
    """Return the planted words in *texts*."""
    return [word for text in texts for word in _PLANTED.findall(str(text))]


class Guard(logging.Handler):
    """Read what is logged; a plugin of pytest as well."""

    def __init__(self) -> None:
        super().__init__()
        self._format = logging.Formatter("%(levelname)s %(name)s: %(message)s").format
        self.leaks: list[str] = []  # this is all that changes

    def emit(self, record: logging.LogRecord) -> None:
        """Keep *record* if a planted word is in it."""
        with suppress(Exception):  # some tests log what cannot be shown
            shown = f"{self._format(record)}\n{record.args!r}"
            if planted_in(shown):
                self.leaks.append(shown)

    def complain(self) -> None:
        """Fail if anything leaked since the last time."""
        leaks, self.leaks = self.leaks, []
        if leaks:
            pytest.fail(f"planted words in the log: {leaks[0]}", pytrace=False)

    def pytest_sessionstart(self) -> None:
        """Read from now on."""
        logging.getLogger().addHandler(self)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self) -> Generator[None, object, object]:
        """Fail the test that has just ended."""
        try:
            return (yield)
        finally:
            self.complain()

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Fail the run for what was said outside of tests."""
        try:
            return (yield)
        finally:
            logging.getLogger().removeHandler(self)
            if self.leaks:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
                session.config.get_terminal_writer().line(f"planted words in the log: {self.leaks}")
