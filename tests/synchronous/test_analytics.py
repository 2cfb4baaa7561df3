"""SyncAnalytics: the same client, in code that has no event loop."""

import gc
import inspect
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from asyncsdk import (
    AsyncAnalytics,
    ClientClosedError,
    ConfigurationError,
    DeliveryError,
    PostHog,
    Receipt,
    SQLiteStore,
    State,
    SyncAnalytics,
)
from asyncsdk.client.checking import Bound
from asyncsdk.collector import Collector, Fault
from asyncsdk.flags.getting import Flags
from asyncsdk.mapping import Mapping
from asyncsdk.synchronous import SyncFlags, SyncReceipt
from tests.client.street import NOWHERE, adds_up, bodies, names, rudder, segment


def loops() -> list[str]:
    """List the threads of clients."""
    return [one.name for one in threading.enumerate() if one.name == "asyncsdk loop"]


def until(condition: Callable[[], object]) -> None:
    """Wait, ten seconds at most, for something that is about to happen."""
    ends = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.002)


def test_leaving_the_block_drains_everything_and_leaves_no_thread(collector: Collector) -> None:
    """What of a script's events at its end? They have arrived; the client is closed for good."""
    with SyncAnalytics(rudder(collector)) as client:
        for number in range(100):
            client.track(f"e-{number}", user_id="u")
        assert loops()
    assert names(collector) == [f"e-{number}" for number in range(100)]
    assert not loops()
    receipt = client.track("late", user_id="u")
    assert receipt.state is State.DROPPED
    with pytest.raises(DeliveryError):
        receipt.delivered(1)
    with pytest.raises(ClientClosedError):
        client.start()
    assert not loops()


def test_it_has_all_that_the_client_has() -> None:
    """Is something missing here? No: each public name of AsyncAnalytics, with the same arguments."""
    for name, there in inspect.getmembers(AsyncAnalytics):
        if name.startswith("_"):
            continue
        here = getattr(SyncAnalytics, name)
        if inspect.isfunction(there):
            assert list(inspect.signature(here).parameters) == list(
                inspect.signature(there).parameters
            ), name
            assert not inspect.iscoroutinefunction(here), name


def test_an_event_that_is_stored_is_the_stores(tmp_path: Path) -> None:
    """And with a store that survives? A receipt says when the event is there, server or not."""
    assert [name for name, one in vars(Receipt).items() if inspect.iscoroutinefunction(one)] == [
        name for name in ("delivered", "stored") if hasattr(SyncReceipt, name)
    ]
    with SyncAnalytics(
        rudder(NOWHERE), store=SQLiteStore(tmp_path), shutdown_timeout=0.1
    ) as client:
        receipt = client.track("E", user_id="u")
        assert receipt.stored(5).state is State.STORED


def test_it_asks_about_flags_with_the_same_words() -> None:
    """And of flags? Each question, with the same arguments; what is awaited there blocks here."""
    for name, there in inspect.getmembers(Flags):
        # What is not to be asked: the client does it at its start.
        if inspect.iscoroutinefunction(there) and name[0] != "_" and name != "load_given":
            here = getattr(SyncFlags, name)
            assert inspect.signature(here) == inspect.signature(there), name
            assert not inspect.iscoroutinefunction(here), name


def test_flags_are_decided_and_asked_for(collector_of_flags: Collector) -> None:
    """Is a flag on? The answer is waited for; from definitions if there are some; reported once."""
    destination = PostHog("phc_key", host=collector_of_flags.url, personal_api_key="phx_key")
    with SyncAnalytics(destination) as client:
        assert client.flags.ready(5)
        assert client.flags.is_ready
        assert "simple" in client.flags.keys
        assert client.flags.get("simple", "u") is True
        assert client.to(destination.name).flags.is_enabled("simple", "u") is True
        assert client.flags.local_result("simple", "u").value is True
        assert (client.flags.definitions_age or 0) < 10
        snapshot = client.flags.snapshot("u")
        assert snapshot.get("simple") is True
        client.flags.watch(lambda _news: None)()
    called = [one for one in collector_of_flags.events if "called" in str(one.body.get("event"))]
    assert len(called) == 1
    with SyncAnalytics(rudder(NOWHERE)) as other, pytest.raises(ConfigurationError):
        other.flags.get("simple", "u")


def test_events_can_be_pushed_through_a_mapping(collector: Collector) -> None:
    """And walkerOS events? They go the same way, with receipts that can be waited for."""
    mapping = Mapping({"mapping": {"order": {"complete": {"name": "Order Completed"}}}})
    event = {"name": "order complete", "data": {"id": "o-1"}, "user": {"id": "u"}}
    assert not SyncAnalytics(rudder(NOWHERE)).has_mapping
    with SyncAnalytics(rudder(collector), mapping=mapping) as client:
        assert client.has_mapping
        assert client.push(event).delivered(5).state is State.DELIVERED
        assert len(client.push_many([event, event])) == 2
    assert names(collector) == ["Order Completed"] * 3


def test_the_first_call_starts_a_thread_and_does_not_wait_for_the_server(
    collector: Collector,
) -> None:
    """Does the first call wait? Not for a connection: the server here answers after a second."""
    collector.script(Fault(kind="delay", seconds=1.0))
    client = SyncAnalytics(rudder(collector), flush_at=1)
    assert not loops()
    began = time.monotonic()
    client.track("E", user_id="u")
    assert time.monotonic() - began < 0.5
    assert loops()
    assert client.shutdown().delivered == 1


def test_events_go_by_themselves(collector: Collector) -> None:
    """Must I flush? No: `flush_at` and `flush_interval` hold as in a program with a loop."""
    client = SyncAnalytics(rudder(collector), flush_at=3, flush_interval=0.05)
    for number in range(3):
        client.track(f"e-{number}", user_id="u")
    until(lambda: len(collector.events) == 3)
    client.track("alone", user_id="u")
    until(lambda: len(collector.events) == 4)
    client.shutdown()


def test_many_threads_share_one_client(collector: Collector) -> None:
    """What of a server with threads? Each call arrives once, whichever thread ends runs meanwhile."""
    client = SyncAnalytics(rudder(collector), flush_interval=0)

    def work(thread: int) -> None:
        for number in range(200):
            client.track(f"{thread}-{number}", user_id="u")
            if number % 50 == thread:
                client.shutdown()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    client.shutdown()
    assert sorted(names(collector)) == sorted(f"{a}-{b}" for a in range(8) for b in range(200))
    assert set(collector.message_ids().values()) == {1}
    total = client.statistics()
    assert (total.accepted, total.delivered, client.pending) == (1600, 1600, 0)
    assert not loops()


def test_a_shutdown_ends_the_thread_and_the_next_call_begins_anew(collector: Collector) -> None:
    """Can one client be used again and again? Yes; in between it holds nothing."""
    client = SyncAnalytics(rudder(collector))
    for number in range(3):
        client.track(f"e-{number}", user_id="u")
        assert client.shutdown().delivered == 1
        assert not loops()
    assert names(collector) == ["e-0", "e-1", "e-2"]
    assert client.flush().pending == 0
    assert client.start() is client
    assert loops()
    client.shutdown()


def test_a_receipt_waits_for_its_event(collector: Collector) -> None:
    """How do I know that it arrived? Ask its receipt: it sits out no interval."""
    with SyncAnalytics(rudder(collector), segment(collector), flush_interval=60) as client:
        receipt = client.track("E", user_id="u", message_id="m-1")
        assert receipt.delivered(5).state is State.DELIVERED
        assert (receipt.message_id, receipt.state) == ("m-1", State.DELIVERED)
        assert {one.state for one in receipt.outcomes.values()} == {State.DELIVERED}
        assert repr(receipt) == "<SyncReceipt m-1 delivered>"
    assert receipt.delivered(0).state is State.DELIVERED


def test_a_receipt_says_what_went_wrong() -> None:
    """What if the server is away? TimeoutError, and it stays queued; DeliveryError once it is lost."""
    client = SyncAnalytics(rudder(NOWHERE))
    receipt = client.track("E", user_id="u")
    with pytest.raises(TimeoutError):
        receipt.delivered(0.1)
    assert (receipt.state, client.pending) == (State.PENDING, 1)
    assert client.shutdown(0.1).dropped == 1
    with pytest.raises(DeliveryError) as caught:
        receipt.delivered()
    assert caught.value.code == "dropped_shutdown"


def test_a_shutdown_does_not_wait_for_who_waits_for_a_stored_event(
    collector: Collector, tmp_path: Path
) -> None:
    """What if a thread waits for an event that a shutdown leaves in the store? It alone waits on."""
    collector.script(Fault(kind="status", status=503))
    client = SyncAnalytics(rudder(collector, retry_base=0.05), store=SQLiteStore(tmp_path))
    receipt = client.track("E", user_id="u")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(receipt.delivered)
        until(lambda: client.statistics().retries)
        began = time.monotonic()
        assert client.shutdown(0.5).stored == 1
        assert time.monotonic() - began < 2.0
        assert (waiting.done(), len(loops())) == (False, 1)
        collector.script()
        client.start()  # the next run takes what the store holds
        assert waiting.result(10).state is State.DELIVERED
    client.shutdown()
    until(lambda: not loops())
    assert names(collector) == ["E"]


def test_what_is_bound_holds_for_its_thread_and_can_be_carried_on(collector: Collector) -> None:
    """Who is it, in the middle of a task? Whoever was bound; another thread sees nothing of it."""
    with SyncAnalytics(rudder(collector)) as client:
        lend = client.bind(user_id="u-1", context={"ip": "192.0.2.1"})
        for name in ("first", "second"):
            with lend as lent:
                assert lent is client
                client.track(name)
                assert client.bound() == {"user_id": "u-1", "context": {"ip": "192.0.2.1"}}
                with ThreadPoolExecutor(1) as pool:
                    assert pool.submit(client.bound).result() == {}
        with client.bind(user_id="u-2"), client.bind(session_id=3):
            client.to("rudder").track("third")
            assert client.bound() == {"user_id": "u-2", "session_id": 3}
        with client.bind_from(lambda: Bound(user_id="u-3")):
            client.track("fourth")
        assert client.bound() == {}
    assert [(one["event"], one["userId"]) for one in bodies(collector)] == [
        ("first", "u-1"),
        ("second", "u-1"),
        ("third", "u-2"),
        ("fourth", "u-3"),
    ]


def test_a_view_says_things_to_some_only(collector: Collector) -> None:
    """Can one call go to one system? Yes, by name, or to a tenant's own; receipts are the same."""
    other = rudder(collector, name="tenant")
    with SyncAnalytics(rudder(collector), segment(collector)) as client:
        receipt = client.to("segment").track("E", user_id="u")
        assert list(receipt.outcomes) == ["segment"]
        view = client.to(other)
        assert view.identify("u").delivered(5).state is State.DELIVERED
        assert "tenant" in repr(view)
        assert "SyncAnalytics to rudder, segment" in repr(client)
        with pytest.raises(ConfigurationError):
            client.to("nobody")


def test_consent_releases_what_was_held(collector: Collector) -> None:
    """What of events that wait for a yes? They go once it is said, from any thread."""
    with SyncAnalytics(rudder(collector, consent=("marketing",), without_consent="hold")) as client:
        receipt = client.track("E", user_id="u")
        assert receipt.state is State.PENDING
        assert client.consent({"marketing": True}, user_id="u") == 1
        assert receipt.delivered(5).state is State.DELIVERED


def test_dead_letters_can_be_read_replayed_and_purged(collector: Collector) -> None:
    """What of refused events? The same as with a loop, without one."""
    collector.script(Fault(kind="status", status=500))
    with SyncAnalytics(rudder(collector), max_retries=1, retry_base=0.01) as client:
        for name in ("a", "b", "c"):
            client.track(name, user_id="u")
        client.flush()
        letters = list(client.dead_letters())
        assert [letter.event["event"] for letter in letters] == ["a", "b", "c"]
        collector.script()
        assert client.purge(letters[0].message_id) == 1
        assert client.replay() == 2
        client.flush()
        assert list(client.dead_letters()) == []
    assert names(collector) == ["b", "c"]


def test_a_hook_may_say_more_and_must_not_wait(collector: Collector) -> None:
    """What may a hook do? Call, for it is quick. To wait would be to wait for its own thread."""
    caught: list[ConfigurationError] = []

    def on_event(kind: str, _facts: object) -> None:
        if kind == "retry":
            client.track("hooked", user_id="u")
            try:
                client.flush()
            except ConfigurationError as error:
                caught.append(error)

    collector.script(Fault(kind="status", status=503, times=1))
    client = SyncAnalytics(rudder(collector), on_event=on_event, retry_base=0.01)
    client.track("E", user_id="u")
    client.flush()
    client.shutdown()
    assert {error.code for error in caught} == {"wrong_thread"}
    assert sorted(names(collector)) == ["E", "hooked"]


def test_a_client_that_is_dropped_is_drained_once(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """What if I forget to shut it down? What waits goes, once, and the thread ends."""
    client = SyncAnalytics(rudder(collector), flush_interval=0)
    receipt = client.track("E", user_id="u")
    del client, receipt
    gc.collect()
    until(lambda: not loops())
    assert names(collector) == ["E"]
    assert set(collector.message_ids().values()) == {1}
    assert "dropped without shutdown()" in caplog.text


def test_a_client_can_be_made_from_the_environment(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where do keys come from, in a container? From variables, as for AsyncAnalytics."""
    monkeypatch.setenv("SHOP_WRITE_KEY", "planted-write-key-1234567890")
    monkeypatch.setenv("SHOP_DATA_PLANE_URL", collector.url)
    with SyncAnalytics.from_env("SHOP_", flush_at=5) as client:
        client.page("Home", anonymous_id="a")
    assert len(collector.events) == 1


def test_counts_add_up(collector: Collector) -> None:
    """Can I trust the numbers? As with a loop: every event is in one of them."""
    with SyncAnalytics(rudder(collector), max_queue_events=5, flush_at=100) as client:
        for number in range(20):
            client.track(f"e-{number}", user_id="u")
        client.flush()
        total = adds_up(client)
        assert (total.accepted, total.pending) == (20, 0)
