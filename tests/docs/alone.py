"""Runs one file as `__main__`, in a process that may talk to this machine only.

Started by test_examples.py. The interpreter's own audit events guard the border, so nothing of
the package is replaced.
"""

import runpy
import sys

HERE = {"127.0.0.1", "::1", "localhost", None}


def stay_here(event: str, args: tuple[object, ...]) -> None:
    """Say so and refuse when the example asks for another machine's address, or connects to it."""
    match event, args:
        case ("socket.getaddrinfo", (host, *_)) | ("socket.connect", (_, (host, *_))):
            if host not in HERE:
                sys.stderr.write(f"an example must not leave this machine: it asked for {host}\n")
                raise OSError(f"{host} is not this machine")
        case _:
            pass


if __name__ == "__main__":
    sys.addaudithook(stay_here)
    runpy.run_path(sys.argv[1], run_name="__main__")
