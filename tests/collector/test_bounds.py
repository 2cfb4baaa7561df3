"""What comes from outside is bounded: bodies, records, ids, names."""

import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import aiohttp
import pytest

from asyncsdk.collector import Collector, Event, Received, ledger
from asyncsdk.collector.answers import Answer, Taken
from asyncsdk.collector.bodies import BodyBroken, BodyTooLarge, read_bounded, unpack
from asyncsdk.collector.ledger import Ledger, masked, masked_headers
from tests.collector.asking import KEY, Asker, batch, event

TOO_LARGE = (413, "request size exceeds max limit\n")


def received(number: int, events: int) -> Received:
    """Record a request that brought *events*."""
    return Received(
        number=number,
        time=0.0,
        method="POST",
        path="/v1/batch",
        status=200,
        system="rudderstack",
        events=events,
        refused=0,
        wire_bytes=1,
        decoded_bytes=2,
        headers={},
        fault="",
    )


def note(book: Ledger, *ids: str, kind: str = "track") -> None:
    """Note one request with an event for each id."""
    taken = [Taken(message_id, kind, event(message_id, type=kind)) for message_id in ids]
    answer = Answer(status=200, text="ok", system="rudderstack", accepted=taken)
    book.note(received(book.next_request, len(taken)), answer)


@pytest.mark.parametrize("before", [b"", bytes(60_000), bytes(100_001)])
def test_unpacking_stops_at_the_bound(before: bytes) -> None:
    """A bomb of 256 MB is refused while next to nothing of it was inflated.

    Nor does it help to hide it behind a member that fills the room to its last byte.
    """
    bomb = zlib.compressobj(9, wbits=31)
    packed = b"".join(bomb.compress(bytes(1 << 20)) for _ in range(256)) + bomb.flush()
    packed = gzip.compress(before) + packed if before else packed
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLarge):
            unpack(packed, encoding="gzip", limit=100_000)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_a_body_of_exactly_the_bound_passes() -> None:
    """The bound itself is allowed, packed or not, in one gzip member or several."""
    body = b"x" * 100
    members = gzip.compress(body[:60]) + gzip.compress(body[60:])
    assert unpack(body, encoding="", limit=100) == body
    assert unpack(gzip.compress(body), encoding="gzip", limit=100) == body
    assert unpack(members, encoding="gzip", limit=100) == body
    for packed in (gzip.compress(body + b"x"), members + gzip.compress(b"x")):
        with pytest.raises(BodyTooLarge):
            unpack(packed, encoding="gzip", limit=100)


def test_no_bytes_are_an_empty_body() -> None:
    """Go reads nothing as the end, not as damage, whatever the encoding says."""
    assert unpack(b"", encoding="gzip", limit=1) == b""


@pytest.mark.parametrize(
    "wire", [b"\x1f", gzip.compress(b"abc")[:-1], gzip.compress(b"abc") + b"junk"]
)
def test_damaged_gzip_is_told_apart(wire: bytes) -> None:
    """Too little and too much are both broken, not short bodies."""
    with pytest.raises(BodyBroken):
        unpack(wire, encoding="gzip", limit=100)


async def test_reading_stops_at_the_bound() -> None:
    """What lies behind the bound is not asked for."""
    asked: list[int] = []

    async def parts() -> AsyncIterator[bytes]:
        """Write down what is asked for."""
        for number in range(10):
            asked.append(number)
            yield b"x" * 10

    with pytest.raises(BodyTooLarge):
        await read_bounded(parts(), limit=25)
    assert asked == [0, 1, 2]


@pytest.mark.whole_way
async def test_large_bodies_are_413_and_the_next_request_is_served() -> None:
    """Plain, packed and a bomb; the server lives on."""
    async with (
        Collector(write_keys=[KEY], max_body_bytes=10_000) as running,
        aiohttp.ClientSession() as line,
    ):
        asker = Asker(line, running)
        for body, packed in ((b"x" * 10_001, False), (bytes(50_000_000), True)):
            got = await asker.post(body, packed=packed)
            assert (got.status, got.text) == TOO_LARGE
        assert (await asker.post(batch("a"))).status == 200
        assert running.summary().by_status == {"413": 2, "200": 1}


def test_old_events_leave_and_ids_stay() -> None:
    """The list is bounded and holds the newest; counts and ids cover everything."""
    book = Ledger(keep_events=16)
    for number in range(100):
        note(book, f"m-{number}")
        assert len(book.events) <= 16
    assert len(book.events) >= 14
    assert book.events[-1].message_id == "m-99"
    assert [kept.number for kept in book.events] == list(range(101 - len(book.events), 101))
    assert len(book.ids()) == book.summary().accepted == 100


def test_a_batch_larger_than_the_list_leaves_its_end() -> None:
    """One request may bring more than is kept."""
    book = Ledger(keep_events=3)
    note(book, *"abcdefgh")
    assert [kept.message_id for kept in book.events] == ["f", "g", "h"]


def test_requests_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Old requests leave, their count stays."""
    monkeypatch.setattr(ledger, "KEEP_REQUESTS", 8)
    book = Ledger(keep_events=8)
    for _ in range(20):
        note(book)
    assert len(book.requests) <= 8
    assert book.requests[-1].number == book.summary().requests == 20


def test_ids_are_bounded_and_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the bound known ids still count; unknown ones show in `uncounted_ids`."""
    monkeypatch.setattr(ledger, "KEEP_IDS", 2)
    book = Ledger(keep_events=8)
    note(book, "a", "b", "c", "a")
    summary = book.summary()
    assert book.ids() == {"a": 2, "b": 1}
    assert (summary.accepted, summary.duplicates, summary.uncounted_ids) == (4, 1, 1)


def test_type_names_are_bounded() -> None:
    """Types are the sender's words: past a hundred they share one name."""
    book = Ledger(keep_events=8)
    for number in range(150):
        note(book, f"m-{number}", kind=f"type-{number}")
    types = book.summary().by_type
    assert len(types) == 101
    assert types["(other)"] == 50


@pytest.mark.parametrize(
    ("key", "shown"), [("", "***"), ("abcdefg", "***"), ("abcdefgh", "abc***")]
)
def test_keys_are_masked(key: str, shown: str) -> None:
    """Enough to tell keys apart, never enough to use one."""
    assert masked(key) == shown


def test_headers_keep_all_but_the_key() -> None:
    """The scheme stays readable."""
    headers = {"Authorization": "Basic c2VjcmV0Og==", "X-Retry-Count": "2"}
    assert masked_headers(headers) == {"authorization": "Basic ***", "x-retry-count": "2"}


@pytest.mark.whole_way
async def test_no_key_stands_in_any_record(collector: Collector, asker: Asker) -> None:
    """Not in requests, not in events, not in the JSON of the pages."""
    await asker.post(batch("a"))
    shown = (await asker.get("/api/events")).text + repr((collector.requests, collector.events))
    assert KEY not in shown
    assert collector.events[0].write_key == "wri***"
    assert collector.requests[0].headers["authorization"] == "Basic ***"


@pytest.mark.whole_way
async def test_clear_forgets_everything(collector: Collector, asker: Asker) -> None:
    """Afterwards the counts are those of a new collector."""
    fresh = collector.summary()
    await asker.post(batch("a", "a"))
    assert collector.summary() != fresh
    collector.clear()
    assert collector.summary() == fresh
    assert not collector.requests
    assert not collector.events
    assert not collector.message_ids()
    await asker.post(batch("a"))
    assert isinstance(collector.events[0], Event)
    assert (collector.events[0].number, collector.events[0].request) == (1, 1)
