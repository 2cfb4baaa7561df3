"""One destination's batches in one shard: what is asked of Redis, in the words of the store.

What is *held* here is in a lane's hands. Everything else on our list of pending entries is a stray:
it comes from a process that died, from an answer that got lost, or was given back. Strays are taken
before what is new, oldest first. So whatever goes wrong, nothing more is needed than to say that
there may be strays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, cast

from msgspec import Struct

from asyncsdk.seams import Batch, DeadLetter, Lease, Room, Stock
from asyncsdk.stores.redis import scripts
from asyncsdk.stores.redis.codec import (
    Named,
    name_letter,
    read_events,
    read_progress,
    write_events,
    write_progress,
)
from asyncsdk.stores.redis.keys import GROUP, Keys
from asyncsdk.stores.redis.line import Line, Reply, Word

#: Seconds for which an append is remembered while its batch waits, and after it was settled.
_REMEMBERED = 7 * 86_400
_REMEMBERED_AFTER = 600
#: Entries that are claimed from a dead process at once.
_CLAIMED_AT_ONCE = 16
#: Entries that a process leaves to others in one step, when it ends.
_LEFT_AT_ONCE = 500
#: The consumer of what was left.
NOBODY = "nobody"


class Bounds(Struct, frozen=True, kw_only=True):
    """What one shard of a queue may hold."""

    batches: int
    bytes: int
    letters: int
    letter_bytes: int


class Held(NamedTuple):
    """An entry in a lane's hands."""

    id: str
    key: str
    events: int
    size: int


class Kept(NamedTuple):
    """A dead letter as it is kept, and its place among others."""

    named: Named
    when: float


class _Entry(NamedTuple):
    """An entry as Redis gave it: anybody may have written it."""

    held: Held
    data: bytes
    route: bytes
    first_at: bytes
    progress: bytes
    age: bytes
    waited: float  # in milliseconds, in Redis


class Shard:
    """The batches of one destination in one shard.

    Args:
        keys: Where they are.
        consumer: On whose list of pending entries what we take goes.
        token: What names us as the owner; empty where everybody may take.
        bounds: What may be kept.
    """

    def __init__(self, keys: Keys, consumer: str, token: str, bounds: Bounds) -> None:
        self.keys: Keys = keys
        self.consumer: str = consumer
        self.token: str = token
        self._bounds = bounds
        # This is all that changes.
        self.held: dict[str, Held] = {}  # by batch key
        self.strays: bool = True
        self.owned: bool = not token
        self.owner: str = ""  # who has it, where it is not us
        self.stock: Stock = Stock()  # as last known
        self.next_try: float = 0.0  # on the loop's clock: when to ask for the ownership again

    @property
    def _me(self) -> tuple[str, str, str]:
        return GROUP, self.consumer, self.token

    def lose(self) -> None:
        """Note that another one is the owner now; what is held here is theirs."""
        self.owned = False
        self.held.clear()
        self.strays = True

    async def append(
        self, line: Line, batch: Batch, *, age: float, letters: Sequence[DeadLetter]
    ) -> bool:
        """Keep *batch*, once; it becomes the place of *letters*. False if there is no room."""
        keys, bounds = self.keys, self._bounds
        answer = await line.run(
            scripts.APPEND,
            [keys.stream, keys.numbers, keys.seen(batch.key), keys.lanes, *keys.of_letters],
            *(keys.lane, batch.key, write_events(batch), len(batch.events), batch.size),
            *(batch.route, int(age * 1000), batch.first_at),
            *(bounds.batches, bounds.bytes, _REMEMBERED * 1000, int(bool(letters))),
            *(name_letter(letter).name for letter in letters),
        )
        return self._counted(answer) != b"full"

    def _counted(self, reply: Reply) -> Reply:
        """Note the stock at the end of an answer; return the answer."""
        answer, *counts = _list(reply)
        batches, events, size, letters, aside = cast("list[int]", counts)
        self.stock = Stock(batches=batches, events=events, bytes=size, letters=letters, aside=aside)
        return answer

    async def take(self, line: Line, room: Room) -> tuple[list[Lease], list[Held]]:
        """Lease what fits *room*, nothing if nothing is there; also return what cannot be read."""
        stray, self.strays = self.strays, True  # until the answer is here
        keys = self.keys
        words: list[Word] = [*self._me, room.events, room.bytes, room.event_overhead]
        words += [room.batches, int(stray)]
        if stray:
            words += [held.id for held in self.held.values()]
        answer = _list(
            await line.run(scripts.TAKE, [keys.stream, keys.progress, keys.owner], *words)
        )
        if answer[0] == b"lost":
            self.lose()
            return [], []
        self.strays = answer[1] == 1
        now = cast("int", answer[2])
        entries = [_entry(_list(one), now) for one in _list(answer[3])]
        self.held.update((entry.held.key, entry.held) for entry in entries)
        leases = [(entry, _lease(keys.lane, entry)) for entry in entries]
        unread = [entry.held for entry, lease in leases if lease is None]
        return [lease for _, lease in leases if lease is not None], unread

    async def settle(self, line: Line, held: Held, letters: Sequence[DeadLetter]) -> bool:
        """Forget a batch and keep *letters*; False if the lease was lost."""
        keys, bounds = self.keys, self._bounds
        answer = await line.run(
            scripts.SETTLE,
            [
                keys.stream,
                keys.progress,
                keys.numbers,
                keys.seen(held.key),
                keys.owner,
                *keys.of_letters,
            ],
            *(*self._me, held.id, held.key, held.events, held.size, _REMEMBERED_AFTER * 1000),
            *(bounds.letters, bounds.letter_bytes, *_words(map(name_letter, letters))),
        )
        if self.held.get(held.key) == held:
            del self.held[held.key]
        return self._counted(answer) == 1

    async def note(
        self, line: Line, held: Held, lease: Lease, letters: Sequence[DeadLetter]
    ) -> bool:
        """Write down the progress and keep *letters*; False if the lease was lost."""
        keys, bounds = self.keys, self._bounds
        answer = await line.run(
            scripts.NOTE,
            [keys.stream, keys.progress, keys.numbers, keys.owner, *keys.of_letters],
            *(*self._me, held.id, held.key, held.events, write_progress(lease.progress)),
            *(bounds.letters, bounds.letter_bytes, *_words(map(name_letter, letters))),
        )
        return self._counted(answer) == 1

    async def withdraw(self, line: Line, batch: Batch) -> None:
        """Forget a batch that was delivered elsewhere while its append was in doubt."""
        keys = self.keys
        await line.run(
            scripts.WITHDRAW,
            [keys.stream, keys.progress, keys.numbers, keys.seen(batch.key)],
            *(GROUP, batch.key, len(batch.events), batch.size),
        )

    async def set_aside(self, line: Line, held: Held) -> None:
        """Put an entry that cannot be read where nobody takes it."""
        keys = self.keys
        await line.run(
            scripts.SET_ASIDE,
            [keys.stream, keys.progress, keys.numbers, keys.owner, keys.aside],
            *(*self._me, held.id, held.key, held.events, held.size),
        )
        self.held.pop(held.key, None)

    def give_back(self, key: str) -> None:
        """Let go of a batch; it is a stray now, before all that is new."""
        self.held.pop(key, None)
        self.strays = True

    # Who may deliver.

    async def hold(self, line: Line, life: float, *, dead: str = "") -> None:
        """Become the owner, or stay it; from *dead* at once."""
        answer = _list(
            await line.run(
                scripts.HOLD,
                [self.keys.owner, self.keys.numbers],
                self.token,
                int(life * 1000),
                dead,
            )
        )
        owned = answer[0] == 1
        self.owner = "" if owned else _text(answer[1])
        if self.owned and not owned:
            self.lose()
        elif owned and not self.owned:
            self.owned = self.strays = True

    async def release(self, line: Line) -> None:
        """Let another one be the owner."""
        self.lose()
        await line.run(scripts.RELEASE, [self.keys.owner], self.token)

    async def attend(self, line: Line, member: str, life: float) -> int:
        """Say that *member* lives; return how many processes do."""
        answer = await line.run(scripts.ATTEND, [self.keys.alive], member, int(life) + 1)
        return cast("int", answer)

    async def renew(self, line: Line) -> None:
        """Keep what is held from being claimed by others; let go of what was."""
        held = {held.id: held.key for held in self.held.values()}
        if not held:
            return
        for lost in _list(await line.run(scripts.RENEW, [self.keys.stream], *self._me[:2], *held)):
            self.held.pop(held[_text(lost)], None)

    async def claim(self, line: Line, idle: float) -> None:
        """Take over what nobody has renewed for *idle* seconds."""
        words = (*self._me[:2], int(idle * 1000), _CLAIMED_AT_ONCE)
        if await line.run(scripts.CLAIM, [self.keys.stream], *words):
            self.strays = True

    async def inherit(self, line: Line, dead: str) -> None:
        """Take over what *dead* had, whose process is gone."""
        words = (*self._me[:2], dead, _CLAIMED_AT_ONCE)
        if await line.run(scripts.INHERIT, [self.keys.stream], *words):
            self.strays = True

    async def leave(self, line: Line) -> None:
        """Let others have at once what is on our list of pending entries."""
        words = (GROUP, NOBODY, self.consumer, _LEFT_AT_ONCE)
        while await line.run(scripts.INHERIT, [self.keys.stream], *words) == _LEFT_AT_ONCE:
            pass

    async def count(self, line: Line) -> None:
        """Count what is kept."""
        keys = self.keys
        counted = [keys.stream, keys.numbers, keys.letter_order, keys.aside]
        self._counted(await line.run(scripts.STOCK, counted))

    @property
    def _of_letters(self) -> list[str]:
        keys = self.keys
        return [keys.stream, keys.numbers, *keys.of_letters]

    async def bury(self, line: Line, letters: Sequence[DeadLetter]) -> None:
        """Keep *letters*."""
        bounds, keys = self._bounds, [*self._of_letters, self.keys.lanes]
        words = _words(map(name_letter, letters))
        self._counted(
            await line.run(
                scripts.BURY, keys, bounds.letters, bounds.letter_bytes, self.keys.lane, *words
            )
        )

    async def letters(self, line: Line, start: int, count: int) -> list[Kept]:
        """Return a page of letters, oldest first."""
        keys = [self.keys.letters, self.keys.letter_order]
        found = cast("list[bytes]", await line.run(scripts.LETTERS, keys, start, start + count - 1))
        return [
            Kept(Named(_text(name), data), float(when))
            for name, when, data in zip(found[::3], found[1::3], found[2::3], strict=True)
        ]

    async def purge(self, line: Line, names: Sequence[str]) -> int:
        """Forget letters by their names; return how many were there."""
        answer = self._counted(await line.run(scripts.PURGE, self._of_letters, *names))
        return cast("int", answer)


def _entry(parts: list[Reply], now: int) -> _Entry:
    words = cast("list[bytes]", parts)
    identifier, key, data, count, size, route, age, first_at, progress = words
    waited = max(now - int(identifier.partition(b"-")[0]), 0)
    held = Held(identifier.decode(), _text(key), int(count), int(size))
    return _Entry(held, data, route, first_at, progress, age, waited)


def _lease(lane: str, entry: _Entry) -> Lease | None:
    """Return the lease of an entry, None if it cannot be read."""
    held = entry.held
    try:
        events = read_events(entry.data)
        age = (entry.waited + int(entry.age)) / 1000.0
        progress = read_progress(entry.progress, len(events), age)
        route, first_at = entry.route.decode(), entry.first_at.decode()
    except ValueError:
        return None
    if not events or held.events != len(events):
        return None
    batch = Batch(key=held.key, route=route, events=events, size=held.size, first_at=first_at)
    return Lease(lane, batch, progress)


def _words(named: Iterable[Named]) -> list[Word]:
    return [word for one in named for word in one]


def _list(reply: Reply) -> list[Reply]:
    return cast("list[Reply]", reply)


def _text(reply: Reply) -> str:
    return cast("bytes", reply).decode(errors="replace")
