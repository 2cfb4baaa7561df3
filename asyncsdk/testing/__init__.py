"""Testing: what an application's own tests need to put a client through its paces.

virtual_time   an event loop whose clock jumps, so that hours of back-off pass in milliseconds
destinations   what every destination promises, ours and yours, in one check
stores         what every store promises, ours and yours, in one check
"""

from asyncsdk.testing.destinations import check_destination
from asyncsdk.testing.stores import check_store
from asyncsdk.testing.virtual_time import VirtualTimeLoop

__all__ = ["VirtualTimeLoop", "check_destination", "check_store"]
