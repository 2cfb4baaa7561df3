"""Planning: a tracking plan's file becomes a module's."""

import sys
from pathlib import Path

from asyncsdk.cli.arguments import CodegenOptions
from asyncsdk.errors import ConfigurationError
from asyncsdk.plans.reading import read_plan
from asyncsdk.plans.writing import write_module


def write_events(options: CodegenOptions) -> int:
    """Write the module; nothing is written if the plan cannot be read.

    Raises:
        ConfigurationError: A file cannot be read or written, or the plan is none.
    """
    try:
        stdin = options.plan == "-"
        text = sys.stdin.buffer.read() if stdin else Path(options.plan).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{options.plan}: {error.strerror}") from None
    module = write_module(read_plan(text))
    if options.output == "-":
        # Python's files are UTF-8, whatever the terminal is.
        sys.stdout.buffer.write(module.encode())
        sys.stdout.buffer.flush()
        return 0
    try:
        Path(options.output).write_text(module, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{options.output}: {error.strerror}") from None
    return 0
