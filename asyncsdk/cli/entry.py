"""The entry: arguments in, exit code out."""

import asyncio
import os
import sys
from collections.abc import Sequence

from asyncsdk.cli.arguments import (
    AnyOptions,
    CodegenOptions,
    CollectOptions,
    FileOptions,
    MapOptions,
    parse,
)
from asyncsdk.cli.interrupting import INTERRUPTED
from asyncsdk.cli.screen import Screen
from asyncsdk.cli.store_arguments import LetterOptions, WorkerOptions
from asyncsdk.errors import ConfigurationError

#: The exit code that a shell expects of a program whose reader went away.
_PIPE_BROKE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that *argv* names and return its exit code.

    Args:
        argv: The arguments without the program's name; None takes the process's own.
    """
    try:
        options = parse(sys.argv[1:] if argv is None else argv, os.environ)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    try:
        return _run(options)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes stdout once more at its end: let it have somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_BROKE
    except ConfigurationError as error:
        sys.stderr.write(f"asyncsdk: {error}\n")
        return 2


def _run(options: AnyOptions) -> int:
    if isinstance(options, CodegenOptions):
        from asyncsdk.cli.planning import write_events

        return write_events(options)
    if isinstance(options, CollectOptions):
        return _collect(options)
    if isinstance(options, MapOptions):
        from asyncsdk.cli import mapping

        return mapping.run(options, sys.stdout.write, sys.stderr.write)
    if isinstance(options, WorkerOptions):
        return _work(options)
    screen = Screen(sys.stdout, sys.stderr, os.environ)
    # Late, for --version and --help answer sooner without aiohttp.
    if isinstance(options, FileOptions):
        from asyncsdk.cli.shipping import ship

        return asyncio.run(ship(options, screen))
    if isinstance(options, LetterOptions):
        from asyncsdk.cli.deadletters import attend

        return asyncio.run(attend(options, screen))
    from asyncsdk.cli.demo import demo

    return asyncio.run(demo(options, screen))


def _work(options: WorkerOptions) -> int:
    from asyncsdk.cli.hearing import heard
    from asyncsdk.cli.worker import PLAIN_EVERY, work

    screen = Screen(sys.stdout, sys.stderr, os.environ, plain_every=PLAIN_EVERY)
    with heard(screen):
        return asyncio.run(work(options, screen, os.environ))


def _collect(options: CollectOptions) -> int:
    """Run the collector until Ctrl-C, which is how it is meant to end."""
    from asyncsdk.cli.faults import read_fault
    from asyncsdk.collector import serve

    serving = serve(
        options.port,
        options.host,
        write_keys=options.write_keys or None,
        faults=[read_fault(text) for text in options.faults],
        flag_definitions=options.flag_definitions,
        write=_print_now,
    )
    try:
        asyncio.run(serving)
    except KeyboardInterrupt:
        return 0
    except (OSError, ValueError) as error:
        sys.stderr.write(f"asyncsdk collect: {error}\n")
    return 1


def _print_now(line: str) -> None:
    print(line, flush=True)
