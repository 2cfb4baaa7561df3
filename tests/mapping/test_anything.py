"""Any event and any mapping: nothing raises, nothing is written to, nothing takes long."""

import contextlib
import copy
import time
from typing import Any

from hypothesis import given, settings

from asyncsdk import ConfigurationError
from asyncsdk.mapping import Mapping, Stamp, match, process, resolve
from tests.mapping.anything import CONFIGS, CONSENTS, EVENTS, FUNCTIONS, SLOW, THINGS, VALUES

#: Milliseconds of thread time that one event may take.
LIMIT = 1.0

PATIENT = settings(deadline=None, max_examples=150, suppress_health_check=SLOW)


@PATIENT
@given(EVENTS, VALUES, CONSENTS)
def test_resolving_never_raises_and_writes_to_nothing(event: Any, value: Any, consent: Any) -> None:
    """A stranger's event, whatever is in it, is no danger."""
    before = copy.deepcopy((event, value))
    for compat in (None, "walkeros"):
        resolve(event, value, consent=consent, functions=FUNCTIONS, compat=compat)
    assert repr((event, value)) == repr(before)


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


@settings(deadline=None, max_examples=100, suppress_health_check=SLOW)
@given(EVENTS, CONFIGS)
def test_no_event_takes_more_than_a_millisecond(event: Any, config: Any) -> None:
    """What does my loop feel of one event? Thread time, the best of three: others share the machine."""
    mapping = Mapping(config, functions=FUNCTIONS)
    memory = mapping.memory()
    took: list[float] = []
    while len(took) < 3 and min(took, default=LIMIT) >= LIMIT:
        began = time.thread_time()
        mapping.call(event, memory, Stamp("m", "now", 0.0))
        took.append((time.thread_time() - began) * 1e3)
    assert min(took) < LIMIT


def test_the_largest_loop_takes_less_than_a_millisecond() -> None:
    """And a thousand elements, which is all that is looked at? Those too."""
    mapping = Mapping(
        {"mapping": {"order": {"complete": {"data": {"map": {"ids": {"loop": ["nested", "id"]}}}}}}}
    )
    event = {
        "name": "order complete",
        "user": {"id": "u"},
        "nested": [{"id": n} for n in range(1_000)],
    }
    took: list[float] = []
    for _ in range(20):
        began = time.thread_time()
        called = mapping.call(event, mapping.memory(), Stamp())
        took.append((time.thread_time() - began) * 1e3)
        assert len(called.messages[0].properties["ids"]) == 1_000
    assert min(took) < LIMIT
