"""Arguments of the commands that work on a store: `worker` and `deadletters`. Pure, as `arguments`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol, get_args

from msgspec import Struct

from asyncsdk.cli.places import Place, describe_place, read_place

Doing = Literal["list", "show", "replay", "purge", "export"]
DOINGS: tuple[Doing, ...] = get_args(Doing)

_WHAT: Mapping[Doing, str] = {
    "list": "a line for each",
    "show": "all of each, its event included",
    "replay": "put them back to the end of the queue, with their ids",
    "purge": "forget them for good; needs a filter, or --all",
    "export": "NDJSON, one letter a line",
}
_PASSED = re.compile(r"(\d+)([smhd])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Commands(Protocol):
    """What argparse hands out for commands to be added to."""

    def add_parser(
        self,
        name: str,
        /,
        *,
        help: str,  # noqa: A002 - argparse calls it so
        description: str,
        epilog: str | None = None,
    ) -> argparse.ArgumentParser:
        """Add the command *name*."""
        ...


class Listen(Struct, frozen=True):
    """Where to listen; port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 0


class WorkerOptions(Struct, frozen=True, kw_only=True):
    """What a worker drains, and how.

    Attributes:
        place: The store.
        prefixes: What the variables of each destination begin with.
        concurrency: Requests at a time for each destination; None for what the environment says.
        grace: Seconds that a signal leaves for what is in hand.
        listen: Where `/healthz` and `/metrics` are.
        until_empty: Whether it ends when nothing is left.
    """

    place: Place
    prefixes: tuple[str, ...] = ("ASYNCSDK_",)
    concurrency: int | None = None
    grace: float = 10.0
    listen: Listen = Listen()
    until_empty: bool = False


class Wanted(Struct, frozen=True, kw_only=True):
    """Which letters; all that is said must fit.

    Attributes:
        destination: Of one destination.
        reason: With this in their reason, in any case of its letters.
        since: Given up at this time or later.
        ids: Of these events.
    """

    destination: str | None = None
    reason: str = ""
    since: datetime | None = None
    ids: frozenset[str] = frozenset()

    @property
    def is_all(self) -> bool:
        """Whether nothing is said."""
        return self == Wanted()


class LetterOptions(Struct, frozen=True, kw_only=True):
    """What to do with which letters.

    Attributes:
        doing: What.
        place: The store.
        wanted: Which letters.
        to: The file of an export; `-` is stdout.
    """

    doing: Doing
    place: Place
    wanted: Wanted = Wanted()
    to: str = "-"


def describe_worker(commands: Commands) -> argparse.ArgumentParser:
    """Add the command `worker`."""
    parser = commands.add_parser(
        "worker",
        help="deliver what other processes have stored",
        description="Deliver what other processes have stored, until SIGTERM or Ctrl-C. The "
        "destination is described by the environment (ASYNCSDK_DESTINATION, ASYNCSDK_WRITE_KEY, "
        "ASYNCSDK_DATA_PLANE_URL, ASYNCSDK_NAME …), and so are the options of delivery.",
    )
    describe_place(parser)
    parser.add_argument(
        "--in-order", action="store_true", help="of a queue in Redis: one worker at a time"
    )
    parser.add_argument(
        "--env",
        action="append",
        metavar="PREFIX",
        help="what the variables of a destination begin with (ASYNCSDK_); once for each",
    )
    parser.add_argument(
        "--concurrency", type=_concurrency, metavar="N", help="requests at a time (1)"
    )
    parser.add_argument(
        "--grace",
        type=_grace,
        default=10.0,
        metavar="S",
        help="seconds that SIGTERM leaves for what is in hand (10)",
    )
    parser.add_argument(
        "--listen",
        type=_listen,
        default=Listen(),
        metavar="[HOST:]PORT",
        help="where /healthz and /metrics are (127.0.0.1, a free port)",
    )
    parser.add_argument("--until-empty", action="store_true", help="end when nothing is left")
    return parser


def describe_letters(commands: Commands) -> argparse.ArgumentParser:
    """Add the command `deadletters`."""
    parser = commands.add_parser(
        "deadletters",
        help="list, show, replay, purge or export events that were given up",
        description="Work with the dead letters of a store: events that a server refused or that "
        "were given up.",
        epilog="; ".join(f"{name}: {text}" for name, text in _WHAT.items()),
    )
    parser.add_argument("doing", choices=DOINGS, metavar="|".join(DOINGS))
    describe_place(parser)
    which = parser.add_argument_group("which letters; all that is said must fit")
    which.add_argument("--destination", metavar="NAME", help="of this destination")
    which.add_argument("--reason", default="", metavar="TEXT", help="with this in their reason")
    which.add_argument(
        "--since", type=_since, metavar="TIME", help='given up since, "2h" or "2026-01-31T12:00"'
    )
    which.add_argument(
        "--id", action="append", default=[], metavar="ID", help="of this event; may be repeated"
    )
    which.add_argument("--all", action="store_true", help="every one, for purge")
    parser.add_argument("--to", default="-", metavar="FILE", help="of an export; - is stdout")
    return parser


def worker_options(
    parser: argparse.ArgumentParser, found: argparse.Namespace, environ: Mapping[str, str]
) -> WorkerOptions:
    """Return what *found* says."""
    return WorkerOptions(
        place=read_place(parser, found, environ),
        prefixes=tuple(found.env or ("ASYNCSDK_",)),
        concurrency=found.concurrency,
        grace=found.grace,
        listen=found.listen,
        until_empty=found.until_empty,
    )


def letter_options(
    parser: argparse.ArgumentParser, found: argparse.Namespace, environ: Mapping[str, str]
) -> LetterOptions:
    """Return what *found* says."""
    wanted = Wanted(
        destination=found.destination,
        reason=found.reason,
        since=found.since,
        ids=frozenset(found.id),
    )
    if found.doing == "purge" and wanted.is_all and not found.all:
        parser.error("purge needs a filter, or --all")
    if found.doing != "export" and found.to != "-":
        parser.error("--to goes with export")
    return LetterOptions(
        doing=found.doing,
        place=read_place(parser, found, environ),
        wanted=wanted,
        to=found.to,
    )


def _since(text: str) -> datetime:
    try:
        if found := _PASSED.match(text):
            return datetime.now(UTC) - timedelta(**{_UNITS[found[2]]: int(found[1])})
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f'{text!r} is no time, such as "30m", "2h", "7d" or "2026-01-31T12:00"'
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _listen(text: str) -> Listen:
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port[:6]) <= 65_535):
        raise argparse.ArgumentTypeError(f"{text!r} is no [HOST:]PORT")
    return Listen(host.strip("[]") or "127.0.0.1", int(port))


def _concurrency(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 1_000):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 1,000")
    return int(text)


def _grace(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds <= 3600.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to 3,600")
    return seconds
