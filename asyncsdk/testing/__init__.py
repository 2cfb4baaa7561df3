"""Testing: what an application's own tests need to put a client through its paces.

virtual_time   an event loop whose clock jumps, so that hours of back-off pass in milliseconds
destinations   what every destination promises, ours and yours, in one check
stores         what every store promises, ours and yours, in one check
recording      what an application says, kept instead of sent, and looked into
threaded       a collector for tests that have no loop
plugin         the two as pytest's fixtures `analytics_events` and `collector`; loaded by pytest itself
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncsdk.testing.destinations import check_destination
    from asyncsdk.testing.recording import Recording, record
    from asyncsdk.testing.stores import check_store
    from asyncsdk.testing.threaded import ThreadedCollector, run_collector
    from asyncsdk.testing.virtual_time import VirtualTimeLoop
else:
    _ROOMS = {
        "Recording": "recording",
        "ThreadedCollector": "threaded",
        "VirtualTimeLoop": "virtual_time",
        "check_destination": "destinations",
        "check_store": "stores",
        "record": "recording",
        "run_collector": "threaded",
    }

    def __getattr__(name: str) -> object:
        """Load a room with the first use of what is in it: pytest loads this one in every run."""
        if name in _ROOMS:
            return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Recording",
    "ThreadedCollector",
    "VirtualTimeLoop",
    "check_destination",
    "check_store",
    "record",
    "run_collector",
]
