"""When to stop sending a file: the server cannot be reached, or will not have it. Pure."""

from asyncsdk.ledger import Statistics

#: Requests in a row that fail, before anything was ever delivered, until we believe it.
_FAILURES = 5
#: Seconds that a server which took events before may refuse the lane as a whole.
_STANDSTILL = 15.0


class Hope:
    """Look at the counters from time to time, and say when there is none left."""

    def __init__(self) -> None:
        # This is all that changes.
        self._settled = -1
        self._moved_at = 0.0

    def gone(self, view: Statistics, now: float) -> bool:
        """Say whether to give up at *now*, in seconds of any clock that never goes back."""
        settled = view.delivered + view.rejected + view.dead
        if settled != self._settled or not view.stopped:
            self._settled, self._moved_at = settled, now
        if not view.delivered:
            return bool(view.stopped) or view.failures >= _FAILURES
        return now - self._moved_at >= _STANDSTILL
