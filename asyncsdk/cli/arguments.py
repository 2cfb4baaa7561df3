"""Arguments: from words to options, or to argparse's own complaint. Pure but for that."""

import argparse
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from asyncsdk.cli.store_arguments import (
    LetterOptions,
    WorkerOptions,
    describe_letters,
    describe_worker,
    letter_options,
    worker_options,
)
from asyncsdk.version import __version__

#: The collector counts so many different ids; beyond that nobody could say what was lost.
MAX_EVENTS = 1_000_000

# Where events go if nobody says it.
_HOSTS = {"segment": "https://api.segment.io", "posthog": "https://us.i.posthog.com"}


class DemoOptions(Struct, frozen=True, kw_only=True):
    """What the demo is to do.

    Attributes:
        events: Calls to make.
        faults: Of the server, as texts; None for the standard ones.
        seed: Of the visitors.
        patience: Seconds that the queue has to become empty after the last call.
    """

    events: int = 100_000
    faults: tuple[str, ...] | None = None
    seed: int = 1
    patience: float = 60.0


class FileOptions(Struct, frozen=True, kw_only=True):
    """Which file goes where.

    Attributes:
        file: Its path, `-` for stdin.
        to: The server's address.
        write_key: The key.
        destination: `rudderstack`, `segment` or `posthog`.
        allow_insecure_http: Whether plain http may leave this machine.
    """

    file: str
    to: str
    write_key: str
    destination: str = "rudderstack"
    allow_insecure_http: bool = False

    def __repr__(self) -> str:
        """Show all but the key."""
        return f"FileOptions({self.file!r} to {self.to!r})"


class CollectOptions(Struct, frozen=True, kw_only=True):
    """How the collector is to be run; no keys let every key in."""

    host: str = "127.0.0.1"
    port: int = 0
    write_keys: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    flag_definitions: str | None = None


class MapOptions(Struct, frozen=True, kw_only=True):
    """What is mapped how.

    Attributes:
        mapping: The file of the mapping.
        events: The file of events, `-` for stdin; None only with `check`.
        check: Whether to report what is unused, instead of printing calls.
        walkeros: Whether the original's behaviour is wanted.
        functions: Where the functions are that the mapping names, as ``package.module:NAME``.
    """

    mapping: str
    events: str | None = None
    check: bool = False
    walkeros: bool = False
    functions: str | None = None


class CodegenOptions(Struct, frozen=True, kw_only=True):
    """Which plan becomes which module; `-` is stdin and stdout."""

    plan: str
    output: str = "-"


#: What a command is told.
AnyOptions: TypeAlias = (
    DemoOptions
    | FileOptions
    | CollectOptions
    | MapOptions
    | CodegenOptions
    | WorkerOptions
    | LetterOptions
)


def parse(argv: Sequence[str], environ: Mapping[str, str]) -> AnyOptions:
    """Read *argv*.

    Args:
        argv: Without the program's name.
        environ: For keys, which other users of the machine can read from a command line.

    Raises:
        SystemExit: There is nothing to run: help, version, or a mistake.
    """
    parser, commands = _parsers()
    found = parser.parse_args(argv)
    if found.command == "codegen":
        return CodegenOptions(plan=found.plan, output=found.output)
    if found.command == "worker":
        return worker_options(commands["worker"], found, environ)
    if found.command == "deadletters":
        return letter_options(commands["deadletters"], found, environ)
    if found.command == "collect":
        return _collect_options(found)
    if found.command == "map":
        return _map_options(found)
    return _demo_options(commands["demo"], found, environ)


def _collect_options(found: argparse.Namespace) -> CollectOptions:
    return CollectOptions(
        host=found.host,
        port=found.port,
        write_keys=tuple(found.write_key),
        faults=_faults(found.fault) or (),
        flag_definitions=found.flag_definitions,
    )


def _map_options(found: argparse.Namespace) -> MapOptions:
    return MapOptions(
        mapping=found.mapping,
        events=found.events if found.events or found.check else "-",
        check=found.check,
        walkeros=found.compat == "walkeros",
        functions=found.functions,
    )


def _demo_options(
    demo: argparse.ArgumentParser, found: argparse.Namespace, environ: Mapping[str, str]
) -> DemoOptions | FileOptions:
    if found.ndjson is not None:
        return _file_options(demo, found, environ)
    for name in ("to", "write_key", "destination"):
        if getattr(found, name) is not None:
            demo.error(f"--{name.replace('_', '-')} goes with --ndjson")
    return DemoOptions(
        events=found.events,
        faults=_faults(found.fault),
        seed=found.seed,
        patience=found.patience,
    )


def _file_options(
    demo: argparse.ArgumentParser, found: argparse.Namespace, environ: Mapping[str, str]
) -> FileOptions:
    destination = found.destination or "rudderstack"
    to = found.to or _HOSTS.get(destination, "")
    key = found.write_key or environ.get("ASYNCSDK_WRITE_KEY", "")
    if not to:
        demo.error("--ndjson needs --to URL")
    if not key:
        demo.error("--ndjson needs --write-key KEY, or ASYNCSDK_WRITE_KEY in the environment")
    return FileOptions(
        file=found.ndjson,
        to=to,
        write_key=key,
        destination=destination,
        allow_insecure_http=found.allow_insecure_http,
    )


def _parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    parser = argparse.ArgumentParser(
        prog="asyncsdk", description="Server-side product analytics for asyncio."
    )
    parser.add_argument("--version", action="version", version=f"asyncsdk {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="send events through a failing server and count them; or send a file of events",
        description="Send the events of a shop to a server that fails on purpose, and count at "
        "the server what arrived. Exit code 1 if anything was lost.",
    )
    _describe_demo(demo)
    collect = commands.add_parser(
        "collect",
        help="run a local server that takes events",
        description="Run a stand-in for RudderStack, Segment, PostHog, GetFluxly and Inslytic "
        "on this machine, until Ctrl-C.",
    )
    collect.add_argument("--port", type=_port, default=0, metavar="N", help="0 takes a free one")
    collect.add_argument("--host", default="127.0.0.1", help="a loopback name or address")
    collect.add_argument(
        "--write-key", action="append", default=[], metavar="K", help="let only such keys in"
    )
    collect.add_argument(
        "--flag-definitions", metavar="FILE", help="PostHog's flags, as its API answers them"
    )
    _describe_faults(collect)
    _describe_map(
        commands.add_parser(
            "map",
            help="map walkerOS events to calls, or check a mapping",
            description="Read walkerOS events, one JSON object a line, and print the calls that they "
            "lead to, one a line. Exit code 1 if a line is no event or a function failed, 2 if the "
            "mapping is wrong.",
        )
    )
    _describe_codegen(
        commands.add_parser(
            "codegen",
            help="write typed events from a tracking plan",
            description="Write a Python module with a class for each event of a tracking plan: "
            "RudderStack's, Segment's, or a JSON Schema. Exit code 2 if it cannot be read.",
        )
    )
    return parser, {
        "demo": demo,
        "worker": describe_worker(commands),
        "deadletters": describe_letters(commands),
    }


def _describe_codegen(codegen: argparse.ArgumentParser) -> None:
    codegen.add_argument("plan", metavar="PLAN.json", help="- is stdin")
    codegen.add_argument(
        "-o", "--output", default="-", metavar="FILE.py", help="without it, to stdout"
    )


def _describe_map(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("mapping", help="a JSON or YAML file")
    parser.add_argument("events", nargs="?", help="a file of events; - is stdin, the default")
    parser.add_argument(
        "--check",
        action="store_true",
        help="check the mapping; with events, report unused rules and paths that are never found",
    )
    parser.add_argument("--compat", choices=("walkeros",), help="do as the original does")
    parser.add_argument(
        "--functions", metavar="M:N", help="the dict of functions that the mapping names"
    )


def _describe_demo(demo: argparse.ArgumentParser) -> None:
    demo.add_argument(
        "--events", type=_events, default=100_000, metavar="N", help="how many (100,000)"
    )
    demo.add_argument("--seed", type=int, default=1, metavar="N", help="other visitors")
    demo.add_argument(
        "--patience",
        type=_seconds,
        default=60.0,
        metavar="S",
        help="seconds for the queue to empty after the last call (60)",
    )
    _describe_faults(demo)
    real = demo.add_argument_group(
        "a file instead",
        "Exit code 0: all delivered; 2: some lines or events were not; 3: none could be.",
    )
    real.add_argument("--ndjson", metavar="FILE", help="one JSON object a line; - is stdin")
    real.add_argument("--to", metavar="URL", help="the data plane, or the host of the others")
    real.add_argument("--write-key", metavar="KEY", help="or ASYNCSDK_WRITE_KEY, which is safer")
    real.add_argument("--destination", choices=("rudderstack", *_HOSTS))
    real.add_argument(
        "--allow-insecure-http", action="store_true", help="plain http to another machine"
    )


def _describe_faults(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--fault",
        action="append",
        type=_fault,
        metavar="F",
        help='what goes wrong, such as "503,share=0.1" or "delay,seconds=0.2,start=1,until=3"; '
        '"none" for nothing; may be repeated',
    )


def _faults(found: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if found is None else tuple(text for text in found if text != "none")


def _fault(text: str) -> str:
    from asyncsdk.cli.faults import read_fault

    try:
        if text != "none":
            read_fault(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _events(text: str) -> int:
    return _whole(text, 1, MAX_EVENTS)


def _port(text: str) -> int:
    return _whole(text, 0, 65_535)


def _whole(text: str, least: int, most: int) -> int:
    plain = text.replace(",", "").replace("_", "")
    if not (plain.isascii() and plain.isdigit() and least <= int(plain[:9]) <= most):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a whole number from {least:,} to {most:,}"
        )
    return int(plain)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds <= 3600.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to 3,600")
    return seconds
