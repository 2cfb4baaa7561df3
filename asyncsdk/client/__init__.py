"""The client: what an application talks to.

    analytics   the calls, and everything else that an application says
    checking    a call's arguments become a Message, or a clear error
    posting     a Message goes through hooks and encoding to the doors of its lanes
    running     runs: starting, flushing, ending, on whatever loop
    settings    the client's own options, checked; `from_env`
    leaving     signals, and the interpreter's exit
"""

from asyncsdk.client.analytics import AsyncAnalytics

__all__ = ["AsyncAnalytics"]
