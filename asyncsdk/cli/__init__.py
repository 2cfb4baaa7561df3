"""The command line: `asyncsdk demo`, `demo --ndjson …`, `collect`, `codegen`, `worker`, `deadletters`.

`entry` reads the arguments (`arguments`, `store_arguments`, pure) and starts one of the shells:

    demo      a stand-in server in a process of its own (`standing_in`, `stand_in`), events of a shop
              (`shop`, pure) from tasks and threads (`feeding`), the count at the end (`tallying`)
    shipping  a file of events (`reading`, `lines`) to a real server, until it is `hopeless`
    collector.serve
    planning  a tracking plan becomes a module of typed events
    worker    what others have stored (`places`, `draining`) to its destinations, watched through
              `listening` and `metrics`
    deadletters   what was given up (`letters`, pure), of a queue in Redis or a folder

`wording` makes the texts, `screen` shows them.
"""

from asyncsdk.cli.entry import main

__all__ = ["main"]
