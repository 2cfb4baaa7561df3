"""A client that does not deliver what it was asked for; run as a program by the tests."""

from benchmarks.clients.floor import Line, Stamps, find_gzip, join, make_all
from benchmarks.clients.task import Task, answer, read
from benchmarks.plays.burst import Figures, Stopwatch
from benchmarks.workload import calls


def run(task: Task) -> Figures:
    """Lose the last event; deliver the first one in its place if *task* says ``batch=1``."""
    watch, stamps = Stopwatch(), Stamps()
    line = Line(task.port)
    watch.start()
    events = make_all(list(calls(task.data, task.events - 1)), stamps)
    if task.batch == 1:
        events.append(events[0])
    line.post(find_gzip()(join(events, stamps.text)))
    line.close()
    return watch.stop()


if __name__ == "__main__":
    answer(run(read()))
