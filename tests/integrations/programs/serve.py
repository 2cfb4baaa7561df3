"""Serves an application as `uvicorn` on the command line does, on a port that it prints.

    python serve.py MODULE:FACTORY URL [workers | reload FOLDER]

The factory is called in each process; it finds URL in the environment, as COLLECTOR.
"""

import logging
import os
import socket
import sys

import uvicorn

# A busy machine's slow steps are said in Python's development mode; also in workers, which import this.
logging.getLogger("asyncio").setLevel("ERROR")


def main(app: str, url: str, *words: str) -> None:
    """Serve until told to end."""
    how, *folders = words or ("alone",)
    sys.path[:0] = folders
    os.environ["PYTHONPATH"] = os.pathsep.join([*folders, os.environ.get("PYTHONPATH", "")])
    os.environ["COLLECTOR"] = url
    with socket.create_server(("127.0.0.1", 0)) as door:
        sys.stdout.write(f"port {door.getsockname()[1]} is it\n")
        sys.stdout.flush()
        uvicorn.run(
            app,
            factory=True,
            fd=door.fileno(),
            log_level="error",
            workers=2 if how == "workers" else None,
            reload=how == "reload",
            reload_dirs=folders or None,
            reload_delay=0.05,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
