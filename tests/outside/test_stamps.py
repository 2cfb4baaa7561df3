"""Ids and times: one clock read, ids that sort, fresh ones after a fork and after a step back."""

import os
import threading
import time
from datetime import UTC, datetime
from uuid import UUID

import pytest

from asyncsdk.outside import Outside


class Clock:
    """A wall clock that stands where it is put."""

    def __init__(self, ms: int) -> None:
        self.ms = ms

    def time_ns(self) -> int:
        """Return the time that was set."""
        return self.ms * 1_000_000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stand in for the machine's clock."""
    stopped = Clock(1_795_251_600_000)
    monkeypatch.setattr(time, "time_ns", stopped.time_ns)
    return stopped


def stamps(outside: Outside, count: int) -> list[str]:
    """Return fresh ids."""
    return [outside.stamp()[0] for _ in range(count)]


def test_an_id_is_a_uuid_of_version_7_with_the_time_in_it() -> None:
    """Others may read its version, its variant and its milliseconds."""
    before = time.time_ns() // 1_000_000
    text, now = Outside().stamp()
    after = time.time_ns() // 1_000_000
    made = UUID(text)
    assert str(made) == text
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    milliseconds = made.int >> 80
    assert before <= milliseconds <= after
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    assert now == moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03d}Z"


def test_ids_sort_in_the_order_of_the_calls() -> None:
    """Within a millisecond by a counter, beyond it by the time."""
    made = stamps(Outside(), 20_000)
    assert made == sorted(made)
    assert len(set(made)) == 20_000


def test_ids_of_many_threads_are_unique_and_sorted_in_each() -> None:
    """Eight threads at one client never make the same id."""
    outside = Outside()
    made: list[list[str]] = []
    begin = threading.Barrier(8)

    def work() -> None:
        begin.wait()
        made.append(stamps(outside, 5_000))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one for ids in made for one in ids}) == 40_000
    assert all(UUID(ids[0]).version == 7 for ids in made)


def test_two_clients_never_make_the_same_id(clock: Clock) -> None:
    """In the same millisecond as well."""
    first, second = stamps(Outside(), 1_000), stamps(Outside(), 1_000)
    assert not set(first) & set(second)
    assert clock.ms == UUID(first[0]).int >> 80


def test_ids_go_on_sorting_over_a_small_step_back(clock: Clock) -> None:
    """A clock that is set right by two seconds does not mix up the order."""
    outside = Outside()
    made = stamps(outside, 10)
    clock.ms -= 2_000
    made += stamps(outside, 10)
    clock.ms += 2_001
    made += stamps(outside, 10)
    assert made == sorted(made)
    assert len(set(made)) == 30


def test_a_large_step_back_is_followed(clock: Clock) -> None:
    """A clock that was wrong by a day is right again: times are not kept wrong."""
    outside = Outside()
    before = outside.stamp()
    clock.ms -= 86_400_000
    after = outside.stamp()
    assert after[1][:10] < before[1][:10]
    assert after[0] != before[0]


def test_the_time_is_that_of_the_millisecond(clock: Clock) -> None:
    """Times are cached for a millisecond, never longer."""
    outside = Outside()
    assert outside.now() == "2026-11-21T09:00:00.000Z"
    assert outside.stamp()[1] == "2026-11-21T09:00:00.000Z"
    clock.ms += 1
    assert outside.now() == "2026-11-21T09:00:00.001Z"
    clock.ms += 59_999
    assert outside.now() == "2026-11-21T09:01:00.000Z"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_draws_from_a_fresh_seed(clock: Clock) -> None:
    """Parent and child stand at the same place in the same millisecond and still differ."""
    outside = Outside()
    outside.stamp()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, f"{outside.stamp()[0]} {outside.new_key()}".encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        their_id, their_key = pipe.read().split()
    assert os.waitpid(child, 0)[1] == 0
    assert outside.stamp()[0] != their_id
    assert outside.new_key() != their_key
    assert UUID(their_id).int >> 80 == clock.ms


def test_a_key_is_32_hexadecimal_digits() -> None:
    """Every one of them fresh."""
    outside = Outside()
    made = {outside.new_key() for _ in range(1_000)}
    assert len(made) == 1_000
    assert {len(key) for key in made} == {32}
    assert all(int(key, 16) >= 0 for key in made)


def test_chance_is_drawn_from_minus_one_to_one() -> None:
    """On both sides of zero."""
    outside = Outside()
    draws = [outside.spread() for _ in range(1_000)]
    assert -1.0 <= min(draws) < -0.5
    assert 0.5 < max(draws) <= 1.0


def test_the_monotonic_clock_is_not_the_walls(clock: Clock) -> None:
    """Waits do not jump when the wall clock does."""
    outside = Outside()
    before = outside.monotonic()
    clock.ms -= 3_600_000
    assert 0.0 <= outside.monotonic() - before < 10.0
