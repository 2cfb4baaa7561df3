"""The line: bodies that were packed beforehand, posted one at a time by one blocking socket.

What comes out is what the loopback and the sink can take. As long as every other row is far
slower, the sink is not what was measured.
"""

from __future__ import annotations

from itertools import islice

from benchmarks.clients.floor import Line, Stamps, find_gzip, join, make_all
from benchmarks.clients.task import Task, answer, read
from benchmarks.plays.burst import Figures, Stopwatch
from benchmarks.workload import calls


def run(task: Task) -> Figures:
    """Post the workload and return what it took."""
    stamps, gzip = Stamps(), find_gzip()
    todo = calls(task.data, task.events)
    bodies: list[bytes] = []
    while some := list(islice(todo, task.batch or 100)):
        bodies.append(gzip(join(make_all(some, stamps), stamps.text)))
    watch = Stopwatch()
    line = Line(task.port)
    watch.start()
    for body in bodies:
        line.post(body)
    line.close()
    return watch.stop()


if __name__ == "__main__":
    answer(run(read()))
