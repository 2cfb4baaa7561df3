"""The command line: `asyncsdk demo`, `asyncsdk demo --ndjson …`, `asyncsdk collect`, `… codegen`.

`entry` reads the arguments (`arguments`, pure) and starts one of the shells:

    demo      a stand-in server in a process of its own (`standing_in`, `stand_in`), events of a shop
              (`shop`, pure) from tasks and threads (`feeding`), the count at the end (`tallying`)
    shipping  a file of events (`reading`, `lines`) to a real server, until it is `hopeless`
    collector.serve
    planning  a tracking plan becomes a module of typed events

`wording` makes the texts, `screen` shows them.
"""

from asyncsdk.cli.entry import main

__all__ = ["main"]
