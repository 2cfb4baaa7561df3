"""Feature flags, decided here from the server's definitions.

`Definitions` are what the server sent, decoded; `evaluate` says what one flag is for one person,
as the server would, or why only the server can say it. Neither waits, and neither reads the
network or, but for dates relative to now, the clock. What asks, polls, waits and reports stands in
`asking`, `polling`, `deferring`, `answers` and `getting`, for the client.
"""

from asyncsdk.flags.calls import Groups, Properties
from asyncsdk.flags.definitions import Decoding, Definitions, evaluate
from asyncsdk.flags.flag import Flag
from asyncsdk.flags.outcomes import Evaluation, Reason
from asyncsdk.flags.polling import News
from asyncsdk.flags.results import AllFlags, FlagResult
from asyncsdk.flags.snapshot import FlagSnapshot

__all__ = [
    "AllFlags",
    "Decoding",
    "Definitions",
    "Evaluation",
    "Flag",
    "FlagResult",
    "FlagSnapshot",
    "Groups",
    "News",
    "Properties",
    "Reason",
    "evaluate",
]
