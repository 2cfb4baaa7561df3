"""The client: what an application talks to.

calls        what an application can say, in signatures and words
analytics    the client itself: a call's way to its lanes, and the client's life
checking     a call's arguments become a Message, or a clear error
posting      a Message goes through hooks and encoding to the doors of its lanes
binding      what `bind` lends to the calls inside its block
running      runs: starting, flushing, ending, on whatever loop
carrying     what `bind` lends, from one process to another
waiting      what a receipt does when somebody awaits it
leaving      signals, and the interpreter's exit
settings     the client's own options, checked
environment  a destination and its options, from variables
"""

from asyncsdk.client.analytics import (
    AsyncAnalytics,
    counters_of,
    flushed_afterwards,
    hear_signals,
)

__all__ = ["AsyncAnalytics", "counters_of", "flushed_afterwards", "hear_signals"]
