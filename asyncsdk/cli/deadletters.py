"""Dead letters: look at them, put them back, forget them, take them along, whatever store has them.

No client is needed: what is put back is appended to the store, under the keys that it had, for
whoever delivers it. A folder is looked into as it is, files of running processes included; what
changes letters takes over what is left of processes that ended, and no other file.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from asyncsdk.cli.letters import count, fits, line, paragraph, record, summary
from asyncsdk.cli.places import Place
from asyncsdk.cli.screen import Screen
from asyncsdk.cli.store_arguments import LetterOptions, Wanted
from asyncsdk.cli.wording import Reading
from asyncsdk.delivery.replaying import Group, by_request
from asyncsdk.errors import StoreError
from asyncsdk.outside import Outside
from asyncsdk.seams import Batch, DeadLetter
from asyncsdk.stores import RedisStore, SQLiteStore

#: Letters that are forgotten in one step.
_PIECE = 1_000

Store = RedisStore | SQLiteStore


async def attend(options: LetterOptions, screen: Screen) -> int:
    """Do it; return 0, 1 if the store cannot be used, or 2 if not all could be put back.

    Raises:
        ConfigurationError: The store can never work.
    """
    place, wanted = options.place, options.wanted
    if place.is_missing:
        screen.complain(f"asyncsdk deadletters: there is no folder {place.where}")
        return 1
    try:
        if options.doing in ("replay", "purge"):
            return await _change(options, screen)
        found = await _read(place, wanted)
        _show(found, options, screen)
    except BrokenPipeError:  # whoever read has seen enough
        raise
    except (StoreError, OSError) as error:
        screen.complain(f"asyncsdk deadletters: {error}")
        return 1
    screen.complain(summary(found))
    return 0


async def _read(place: Place, wanted: Wanted) -> list[DeadLetter]:
    """Return the letters that are *wanted*, oldest first; nothing changes."""
    if not place.is_redis:
        from asyncsdk.stores.sqlite.looking import letters_in

        found = [one for one in letters_in(Path(place.where)) if fits(one, wanted)]
        return sorted(found, key=lambda letter: letter.died_at)
    store = _open(place)
    try:
        letters = store.dead_letters(wanted.destination)
        return [letter async for letter in letters if fits(letter, wanted)]
    finally:
        await store.close()


def _open(place: Place) -> Store:
    if place.is_redis:
        return RedisStore(place.where, **place.redis_options())
    return SQLiteStore(place.where)


def _show(found: Sequence[DeadLetter], options: LetterOptions, screen: Screen) -> None:
    if options.doing == "export":
        _export(found, options.to, screen)
        return
    for letter in found:
        screen.say(*([line(letter)] if options.doing == "list" else paragraph(letter)))


def _export(found: Sequence[DeadLetter], to: str, screen: Screen) -> None:
    """Write *found* to a file that its owner alone can read, or to stdout."""
    progress = _Progress(screen, len(found))
    out = sys.stdout.buffer if to == "-" else _private(to)
    try:
        for number, letter in enumerate(found, 1):
            out.write(record(letter))
            progress(number)
        out.flush()
    finally:
        if to != "-":
            out.close()
        screen.clear()


def _private(to: str) -> BinaryIO:
    """Open a file for its owner alone, whoever could read what was there before."""
    descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        Path(to).chmod(0o600)
    return os.fdopen(descriptor, "wb")


class _Progress:
    """Show how many of some letters are done."""

    def __init__(self, screen: Screen, total: int) -> None:
        self._screen = screen
        self._total = total
        self._began = time.monotonic()
        self._shown = 0.0  # when it was last shown; this is all that changes

    def __call__(self, done: int) -> None:
        """Show that *done* are, if it is time for it."""
        seconds = time.monotonic() - self._began
        if seconds - self._shown >= 0.1:
            self._shown = seconds
            left = self._total - done
            self._screen.progress(
                Reading(seconds=seconds, settled=done, waiting=left, share=done / self._total)
            )


async def _change(options: LetterOptions, screen: Screen) -> int:
    place, wanted = options.place, options.wanted
    store = _open(place)
    try:
        if isinstance(store, SQLiteStore):
            await store.take_over()
        work = _replay if options.doing == "replay" else _purge
        done, trouble = await work(store, wanted, screen)
    finally:
        await store.close()
    word = "put back" if options.doing == "replay" else "forgotten"
    screen.clear()
    screen.say(f"{count(done)} {word}")
    left = [] if place.is_redis else await _read(place, wanted)
    if left and not trouble:
        trouble = (
            f"{count(len(left))} more in files of processes that run: call replay() or purge() "
            "there, or come back when they have ended"
        )
    if trouble:
        screen.complain(f"asyncsdk deadletters: {trouble}")
    return 2 if trouble else 0


async def _take(store: Store, wanted: Wanted) -> tuple[list[DeadLetter], list[DeadLetter]]:
    """Take letters in hand: those that are *wanted*, and some that are not."""
    found = await store.exhume(wanted.destination, wanted.ids or None)
    chosen = [letter for letter in found if fits(letter, wanted)]
    return chosen, [letter for letter in found if not fits(letter, wanted)]


async def _replay(store: Store, wanted: Wanted, screen: Screen) -> tuple[int, str]:
    """Put letters back to the end of the queue; return how many, and what went wrong."""
    chosen, others = await _take(store, wanted)
    await store.bury(others)
    groups, progress, done = by_request(chosen), _Progress(screen, len(chosen)), 0
    for number, group in enumerate(groups):
        try:
            await store.append(group.destination, _batch(group), letters=group.letters)
        except StoreError as error:
            await store.bury([letter for left in groups[number:] for letter in left.letters])
            return done, f"{count(len(chosen) - done)} stay: {error}"
        done += len(group.letters)
        progress(done)
    return done, ""


def _batch(group: Group) -> Batch:
    events = [letter.data for letter in group.letters]
    return Batch(
        key=group.key,
        route=group.route,
        events=events,
        size=sum(map(len, events)),
        first_at=Outside().now(),
    )


async def _purge(store: Store, wanted: Wanted, screen: Screen) -> tuple[int, str]:
    """Forget letters; return how many."""
    chosen, others = await _take(store, wanted)
    # Whatever else has one of these ids stays in hand meanwhile, and is passed over.
    await store.bury(chosen)
    ids = sorted({letter.message_id for letter in chosen})
    progress, done = _Progress(screen, len(chosen)), 0
    for start in range(0, len(ids), _PIECE):
        piece = frozenset(ids[start : start + _PIECE])
        done += await store.purge(wanted.destination, piece)
        progress(done)
    await store.bury(others)
    return done, ""
