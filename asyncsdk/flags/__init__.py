"""Feature flags, decided here from the server's definitions.

`Definitions` are what the server sent, decoded; `evaluate` says what one flag is for one person,
as the server would, or why only the server can say it. Nothing here waits, and nothing reads the
network or, but for dates relative to now, the clock.
"""

from asyncsdk.flags.calls import Groups, Properties
from asyncsdk.flags.definitions import Decoding, Definitions, evaluate
from asyncsdk.flags.flag import Flag
from asyncsdk.flags.outcomes import Evaluation, Reason

__all__ = [
    "Decoding",
    "Definitions",
    "Evaluation",
    "Flag",
    "Groups",
    "Properties",
    "Reason",
    "evaluate",
]
