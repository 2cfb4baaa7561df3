"""Any event and any mapping: nothing raises, nothing is written to, nothing takes long."""

import contextlib
import copy
import gc
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings

from asyncsdk import ConfigurationError
from asyncsdk.mapping import Mapping, Stamp, match, process, resolve
from tests.mapping.anything import CONFIGS, CONSENTS, EVENTS, FUNCTIONS, SLOW, THINGS, VALUES

#: Milliseconds of thread time that one event may take.
LIMIT = 1.0


@contextlib.contextmanager
def untraced() -> Iterator[None]:
    """Neither measure coverage nor collect the garbage of all other tests meanwhile."""
    tracer = sys.gettrace()
    sys.settrace(None)
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        sys.settrace(tracer)


def milliseconds(work: Callable[[], object], times: int) -> float:
    """Return the thread time of *work*, the best of some times: others share the machine."""
    took: list[float] = []
    while len(took) < times and min(took, default=LIMIT) >= LIMIT:
        with untraced():
            began = time.thread_time()
            work()
            took.append((time.thread_time() - began) * 1e3)
    return min(took)


PATIENT = settings(deadline=None, max_examples=150, suppress_health_check=SLOW)


@PATIENT
@given(EVENTS, VALUES, CONSENTS)
def test_resolving_never_raises_and_writes_to_nothing(event: Any, value: Any, consent: Any) -> None:
    """A stranger's event, whatever is in it, is no danger."""
    before = copy.deepcopy((event, value))
    for compat in (None, "walkeros"):
        resolve(event, value, consent=consent, functions=FUNCTIONS, compat=compat)
    assert repr((event, value)) == repr(before)


@pytest.mark.repeats
@PATIENT
@given(EVENTS, CONFIGS)
def test_mapping_never_raises_and_writes_to_nothing(event: Any, config: Any) -> None:
    """The whole way: policies, rules, data, calls, in both modes."""
    before = copy.deepcopy((event, config))
    for compat in (None, "walkeros"):
        mapping = Mapping(config, functions=FUNCTIONS, compat=compat)
        memory = mapping.memory()
        for _ in range(2):
            mapping.call(event, memory, Stamp("m", "now", 0.0))
        process(event, mapping)
        match(event, config["mapping"], functions=FUNCTIONS)
    assert repr((event, config)) == repr(before)


@PATIENT
@given(THINGS)
def test_reading_a_mapping_raises_nothing_but_its_own_error(config: Any) -> None:
    """Any file that is no mapping is refused in words."""
    for read in (lambda: Mapping(config), lambda: resolve({}, config), lambda: match({}, config)):
        with contextlib.suppress(ConfigurationError):
            read()


@pytest.mark.repeats
@settings(deadline=None, max_examples=100, suppress_health_check=SLOW)
@given(EVENTS, CONFIGS)
def test_no_event_takes_more_than_a_millisecond(event: Any, config: Any) -> None:
    """What does my loop feel of one event? Less than it would of a request."""
    mapping = Mapping(config, functions=FUNCTIONS)
    memory, stamp = mapping.memory(), Stamp("m", "now", 0.0)
    assert milliseconds(lambda: mapping.call(event, memory, stamp), 3) < LIMIT


@pytest.mark.alone
def test_the_largest_loops_take_about_a_millisecond() -> None:
    """And the most that is taken from lists? It is bounded so that one event takes about as long."""
    yardstick = [{"id": number, "data": {"x": 1}} for number in range(4_000)]
    for count, item in ((4_000, "id"), (1_000, {"map": dict.fromkeys("abcd", "data.x")})):
        rule = {"data": {"map": {"all": {"loop": ["nested", item]}}}}
        mapping = Mapping({"mapping": {"order": {"complete": rule}}})
        event = {"name": "order complete", "user": {"id": "u"}, "nested": yardstick[:count]}
        called = mapping.call(event, mapping.memory(), Stamp())
        assert len(called.messages[0].properties["all"]) == count
        work = partial(mapping.call, event, mapping.memory(), Stamp())
        # Two of them on a slow machine, and three on one where Python takes six to copy such a list.
        took = milliseconds(work, 20)
        assert took < 2 * LIMIT or took < milliseconds(partial(copy.deepcopy, yardstick), 20) / 2
