"""Polling: keeps the flag definitions of one destination as the server has them.

    poll ──200──▶ decoded in pieces ──▶ the new definitions, swapped as a whole
      │ ──304──▶ those that we have are the server's
      │ ──402──▶ cleared: the quota is used up
      └─ else ─▶ those that we have stay in use; the next poll waits longer

There is one poll at a time, in one task beside the lanes, so no answer can meet a newer one. The task
ends when it has nothing to do: with `regular` it goes on for the length of the run, without it it
polls once. Whoever wants a poll while one is under way shares it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

from msgspec import Struct

from asyncsdk.errors import AnalyticsError, RequestTimeoutError, TransportError
from asyncsdk.flag_seams import FlagWire, Poll
from asyncsdk.flags.asking import QUIET
from asyncsdk.flags.definitions import Definitions
from asyncsdk.flags.flag import Flag
from asyncsdk.flags.loading import TooLarge, decoded, inflated
from asyncsdk.outside import Bell, Outside
from asyncsdk.reporting import Reporter
from asyncsdk.seams import Transport

#: Seconds; the doubling after failures ends here.
LONGEST = 60.0
#: Seconds; a server that asks for a longer pause gets this one.
LONGEST_ASKED = 600.0
#: Fraction by which a pause is longer or shorter, so that many processes do not poll as one.
JITTER = 0.1
#: Flags that are freed in one step of the loop.
_FREED_AT_ONCE = 200
#: Flags that are compared with those before them in one step.
_COMPARED_AT_ONCE = 1_000
#: Seconds between looks at a run that may have ended under the poll.
_LOOK = 1.0


def next_poll(interval: float, failures: int, retry_after: float | None, spread: float) -> float:
    """Return the seconds until the next poll.

    Args:
        interval: Between two polls that go well.
        failures: In a row, until now.
        retry_after: What the server asked for; it lengthens the pause, and is never undercut.
        spread: A draw from -1 to 1.
    """
    doubled = min(interval * 2.0 ** min(failures, 32), max(LONGEST, interval))
    return max(doubled * (1.0 + JITTER * spread), min(retry_after or 0.0, LONGEST_ASKED))


class News(Struct, frozen=True, kw_only=True):
    """What a poll brought about.

    Attributes:
        kind: ``"loaded"`` or ``"changed"`` (new definitions), ``"confirmed"`` (after failures: they
            are still the server's), ``"cleared"``, ``"failed"``.
        changed: The keys of flags that are new, gone, or defined otherwise by their version, or
            that have none. A cohort that changed is not among them.
        error: What went wrong.
        failures: Polls that failed in a row, this one included.
    """

    kind: Literal["loaded", "changed", "confirmed", "cleared", "failed"]
    changed: frozenset[str] = frozenset()
    error: str = ""
    failures: int = 0


class Poller:
    """Poll for the definitions of one destination."""

    def __init__(
        self,
        wire: FlagWire,
        name: str,
        *,
        accompany: Callable[[Poller], bool],
        ready: Callable[[], Awaitable[None]],
        transport: Transport,
        outside: Outside,
        reporter: Reporter,
        note: Callable[[], None],
    ) -> None:
        self.name: str = f"{name} flags"
        self._wire = wire
        self._lane = name
        self._accompany = accompany  # lets its task run beside the lanes, if it can
        self._ready = ready  # waits until the transport is open
        self._transport = transport
        self._outside = outside
        self._reporter = reporter
        self._note = note
        # This is all that changes; the loop of the run writes it.
        self.definitions: Definitions | None = None
        self.loaded_at: int | None = None  # in milliseconds since 1970
        self.regular: bool = False  # polls go on by themselves
        self.error: str = ""  # of the last poll
        self.listeners: dict[Callable[[News], object], None] = {}
        self._known_at: float | None = None  # when they were the server's, on a steady clock
        self._etag: str | None = None
        self._failures = 0
        self._retry_after: float | None = None
        self._polling = False
        self._wanted = False  # somebody waits for a poll
        self._over = 0  # polls that ended, one way or another
        self._good = False  # the last one brought or confirmed definitions
        self._ended = Bell()
        self._asked = Bell()

    @property
    def age(self) -> float | None:
        """Seconds since the definitions in use were known to be the server's; None without any."""
        if self._known_at is None:
            return None
        return max(self._outside.monotonic() - self._known_at, 0.0)

    def how_old(self) -> float | None:
        """Return the `age`."""
        return self.age

    @property
    def may_go_on(self) -> bool:
        """Whether polls can go on by themselves."""
        return self._wire.may_poll and self._wire.interval is not None

    @property
    def goes_on(self) -> bool:
        """Whether polls go on by themselves."""
        return self.regular and self.may_go_on

    @property
    def is_first(self) -> bool:
        """Whether the first poll ever is under way, or about to begin."""
        return self.regular and self.definitions is None and not self._over

    def adopt(self, definitions: Definitions, changed: frozenset[str] | None = None) -> None:
        """Use *definitions* from now on: those of a file, or of an answer.

        *changed* are the keys of flags that are not as they were; None: nobody has compared them.
        """
        before, self.definitions = self.definitions, definitions
        self.loaded_at = self._outside.now_ms()
        self._known_at = self._outside.monotonic()
        if self.listeners:
            if changed is None:
                changed = frozenset(definitions.flags).union(() if before is None else before.flags)
            self._tell(News(kind="loaded" if before is None else "changed", changed=changed))

    async def reload(self) -> bool:
        """Poll now, or share the poll that is under way; return whether it went well.

        Cancelling this leaves the poll to itself.
        """
        try:
            await self._ready()
        except AnalyticsError:  # closed for good, or on another loop
            return False
        before = self._over
        while self._over == before:
            if not self._go():
                return False
            await self._ended.wait(_LOOK)
        return self._good

    async def over(self) -> None:
        """Wait until a poll is over, or a while."""
        await self._ended.wait(_LOOK)

    async def first(self, seconds: float) -> None:
        """Wait until the first poll is over, *seconds* at the most."""
        if self._go():
            await self._ended.wait(seconds)

    def _go(self) -> bool:
        if self._polling:
            return True
        self._wanted = True
        self._asked.ring()
        return self._accompany(self)

    def rest(self) -> None:
        """Let polls go on no more; one that is under way ends with its run."""
        self.regular = False
        self._asked.ring()

    async def run(self) -> None:
        """Poll; go on with `regular`, end without. Cancelling this ends a poll at once."""
        while True:
            self._wanted = False
            await self._poll()
            if not self._wanted:
                if not self.goes_on:
                    return
                await self._asked.wait(self._pause())
                if not self.goes_on and not self._wanted:
                    return

    def _pause(self) -> float:
        spread, interval = self._outside.spread(), self._wire.interval or 0.0
        return next_poll(interval, self._failures, self._retry_after, spread)

    async def _poll(self) -> None:
        self._polling, self._good = True, False
        waste = [] if self.definitions is None else list(self.definitions.flags.values())
        try:
            poll, definitions = await self._fetch()
            before = self.definitions
            changed = await _changed_keys(before, definitions) if self.listeners else None
            # Others may have been adopted meanwhile: then nobody has compared these.
            self._take(poll, definitions, changed if self.definitions is before else None)
        finally:
            self._polling = False
            self._over += 1
            self._ended.ring()
        del poll, definitions
        while waste:  # to free thousands of flags at once takes milliseconds
            del waste[-_FREED_AT_ONCE:]
            await asyncio.sleep(0)

    async def _fetch(self) -> tuple[Poll, Definitions | None]:
        """Ask, and decode what comes; what goes wrong is an answer too."""
        try:
            response = await self._transport.send(self._wire.ask_definitions(self._etag))
            poll = self._wire.read_definitions(response)
            if poll.body is None:
                return poll, None
            body = poll.body
            if poll.packed:
                body = await inflated(body, self._wire.max_definitions_bytes)
            return poll, await decoded(body)
        except RequestTimeoutError:
            return Poll(error="no answer in time"), None
        except TransportError as error:
            return Poll(error=str(error)), None
        except TooLarge:
            return Poll(error=self._wire.too_large), None
        except ValueError as error:
            return Poll(error=str(error)), None
        except Exception as error:  # noqa: BLE001 - a foreign transport may raise anything
            return Poll(error=type(error).__name__), None

    def _take(
        self, poll: Poll, definitions: Definitions | None, changed: frozenset[str] | None
    ) -> None:
        self._retry_after = poll.retry_after
        if definitions is not None:
            self._etag = poll.etag
            self.adopt(definitions, changed)
        elif poll.same and self.definitions is not None:
            self._etag = poll.etag or self._etag
            self._known_at = self._outside.monotonic()
            if self._failures:
                self._tell(News(kind="confirmed"))
        elif poll.clear:
            self._clear(poll.error)
            return
        else:
            self._failed(poll.error or "HTTP 304, but there are no definitions here")
            return
        self.error, self._failures, self._good = "", 0, True

    def _clear(self, error: str) -> None:
        had = self.definitions
        self.definitions = self.loaded_at = self._known_at = self._etag = None
        self.error, self._failures = error, 0
        self._note()
        self._reporter.say(
            f"definitions {self._lane}",
            f"{self._lane}: {error}: flags are not evaluated here any more, but asked of the server",
            quiet=QUIET,
        )
        if self.listeners:
            gone = frozenset(() if had is None else had.flags)
            self._tell(News(kind="cleared", changed=gone, error=error))

    def _failed(self, error: str) -> None:
        self._failures += 1
        self.error = error
        self._note()
        age = self.age
        kept = "there are none yet" if age is None else f"those of {age:.0f} s ago stay in use"
        self._reporter.say(
            f"definitions {self._lane}",
            f"{self._lane}: no flag definitions ({error}); {kept}. {{count}} such failures since "
            "the last line",
            quiet=QUIET,
        )
        self._tell(News(kind="failed", error=error, failures=self._failures))

    def _tell(self, news: News) -> None:
        for listener in list(self.listeners):
            self._reporter.call("watch", listener, news)

    def after_fork(self) -> None:
        """Start clean in a forked child; the definitions are as good there."""
        self._polling = self.regular = False
        self._ended, self._asked = Bell(), Bell()


async def _changed_keys(
    before: Definitions | None, after: Definitions | None
) -> frozenset[str] | None:
    """Return the keys of flags that are new, gone, or defined otherwise; in steps of the loop."""
    if before is None or after is None:
        return None
    changed = set(before.flags.keys() - after.flags.keys())
    for number, (key, flag) in enumerate(after.flags.items(), 1):
        if _differs(flag, before.flags.get(key)):
            changed.add(key)
        if number % _COMPARED_AT_ONCE == 0:
            await asyncio.sleep(0)
    return frozenset(changed)


def _differs(flag: Flag, other: Flag | None) -> bool:
    """Say whether *flag* may be another one than *other*; without a version nobody can tell."""
    if other is None or flag.version is None:
        return True
    return flag.version != other.version or flag.id != other.id
