"""The screen: results go to stdout, progress to stderr.

Progress is one line that rewrites itself on a terminal. Elsewhere, and with NO_COLOR, it is a plain
line about every second, or less often where a command runs for days, so that a log stays readable.
"""

import shutil
import time
from collections.abc import Mapping, Sequence
from typing import TextIO

from asyncsdk.cli.wording import Reading, Row, Tone, progress, table, tinted

#: Seconds between two plain lines unless told otherwise, and between two rewritten ones.
_PLAIN_EVERY = 1.0
LIVE_EVERY = 0.1
_RATE_OVER = 1.0

_ASCII = str.maketrans({"█": "#", "░": ".", "─": "-", "·": "|", "µ": "u", "…": "."})


class Screen:
    """Show lines, tables and progress."""

    def __init__(
        self,
        out: TextIO,
        log: TextIO,
        environ: Mapping[str, str],
        *,
        plain_every: float = _PLAIN_EVERY,
    ) -> None:
        self._out = out
        self._log = log
        self._plain_every = plain_every
        able = not environ.get("NO_COLOR") and environ.get("TERM", "dumb") != "dumb"
        self._colour = able and out.isatty()
        self._live = able and log.isatty()
        # This is all that changes.
        self._shown = False  # a line stands on the terminal that can be rewritten
        self._last = float("-inf")
        self._readings: list[Reading] = []  # of the last second, and one before

    def say(self, *lines: str, tone: Tone = "") -> None:
        """Show *lines* for good."""
        self.clear()
        for line in lines:
            text = tinted(line, tone) if self._colour and line else line
            self._out.write(_writable(text, self._out) + "\n")
        self._out.flush()

    def complain(self, line: str) -> None:
        """Show *line* beside the results."""
        self.clear()
        self._log.write(_writable(line, self._log) + "\n")
        self._log.flush()

    def show(self, rows: Sequence[Row]) -> None:
        """Show a table."""
        self.say(*table(rows, colour=self._colour))

    def progress(self, now: Reading) -> None:
        """Show how far things are; in plain lines only if it is time for one."""
        before = self._remember(now)
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            text = progress(now, before, room=width)[:width]
            self._log.write(f"\r{_writable(text, self._log)}\x1b[K")
            self._log.flush()
            self._shown = True
        elif time.monotonic() - self._last >= self._plain_every:
            self._last = time.monotonic()
            self.complain(progress(now, before))

    def clear(self) -> None:
        """Take the progress line away."""
        if self._shown:
            self._log.write("\r\x1b[K")
            self._log.flush()
            self._shown = False

    def _remember(self, now: Reading) -> Reading:
        """Keep *now*; return the reading of about a second ago, for the rate."""
        readings = self._readings
        readings.append(now)
        while len(readings) > 2 and now.seconds - readings[1].seconds >= _RATE_OVER:
            del readings[0]
        return readings[0] if len(readings) > 1 else Reading(seconds=0.0)


def _writable(text: str, stream: TextIO) -> str:
    """Return *text*, in simpler letters if the stream's encoding has no others."""
    encoding = stream.encoding or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_ASCII).encode(encoding, "replace").decode(encoding)
    return text
