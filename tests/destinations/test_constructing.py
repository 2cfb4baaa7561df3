"""What a destination may be given; a mistake is an error when it is made, not when it sends."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from base64 import b64encode
from typing import Any

import pytest

from asyncsdk import ConfigurationError
from asyncsdk.destinations import Secret
from asyncsdk.options import Delivery
from tests.destinations.making import ALL, KEY, MAKERS, NAMES, Make, One, make_posthog

every = pytest.mark.parametrize("make", MAKERS, ids=NAMES)
each = pytest.mark.parametrize("destination", ALL, ids=NAMES)
as_user = pytest.mark.parametrize("make", MAKERS[:3], ids=NAMES[:3])
as_bearer = pytest.mark.parametrize("make", MAKERS[3:], ids=NAMES[3:])

BAD_KEYS = [
    "",
    " ",
    " kee-1",
    "kee-1 ",
    "kee-1\n",
    "k\r\nX-Evil: 1",
    "k\x00",
    "\ud800",
    "k" * 257,
    None,
    5,
    b"key",
]


@every
@pytest.mark.parametrize("key", BAD_KEYS, ids=repr)
def test_a_key_that_cannot_be_right_is_refused(make: Make, key: Any) -> None:
    """An environment variable that is missing or read with its newline shows at once."""
    with pytest.raises(ConfigurationError, match=r"^(write_key|api_key|token): ") as caught:
        make(key)
    if isinstance(key, str) and key.strip():
        assert key.strip() not in str(caught.value)


@as_user
@pytest.mark.parametrize("key", ["k", "wk:é/=?", "a b", "🔑", Secret("k")], ids=repr)
def test_any_other_key_is_taken(make: Make, key: Any) -> None:
    """Vendors' keys have no common form."""
    assert isinstance(key_of(make(key)), Secret)


@as_bearer
@pytest.mark.parametrize("key", ["k", "gflux_secret_live-x", "a.b/c=?:", Secret("k")], ids=repr)
def test_a_bearer_key_is_taken_if_a_header_can_carry_it(make: Make, key: Any) -> None:
    """It goes on the wire as it is."""
    assert isinstance(key_of(make(key)), Secret)


@as_bearer
@pytest.mark.parametrize("key", ["wk:é", "a b", "🔑", Secret("a b")], ids=repr)
def test_a_bearer_key_that_no_header_can_carry_is_refused(make: Make, key: Any) -> None:
    """Every request would fail, or mean another key."""
    with pytest.raises(ConfigurationError, match=r"^(api_key|token): ") as caught:
        make(key)
    assert Secret(key).reveal() not in str(caught.value)


def key_of(destination: One) -> object:
    """Return its key, whatever the system calls it."""
    return getattr(destination, dataclasses.fields(destination)[0].name)


NO_URLS = [
    "",
    "example.com",
    "//example.com",
    "/v1/batch",
    "ftp://example.com",
    "file:///etc/hosts",
    "https://",
    "https:///v1",
    "https://:443",
    "https://example.com:99999",
    "https://example.com:port",
    "https://[::1",
    "https://example.com/a b",
    " https://example.com",
    "https://example.com\n",
    "https://example.com/\x00",
    "https://example.com/?a=1",
    "https://example.com/#top",
    "https://example.com/?",
    "https://example.com#",
    None,
    5,
    b"https://example.com",
]


@every
@pytest.mark.parametrize("url", NO_URLS, ids=repr)
def test_a_url_that_is_not_absolute_http_is_refused(make: Make, url: Any) -> None:
    """A wrong address would cost every event; the error names the option."""
    with pytest.raises(ConfigurationError, match=r"^(data_plane_url|host|endpoint|api_host): "):
        make(KEY, url)


@every
@pytest.mark.parametrize(
    "url",
    ["https://u:pass-word@e.com", "https://pass-word@e.com", "https://@e.com", "https://e.com\\@f"],
)
def test_credentials_in_a_url_are_refused_and_not_repeated(make: Make, url: str) -> None:
    """They would be shown wherever the address is; the key has an option of its own."""
    with pytest.raises(ConfigurationError, match="credentials") as caught:
        make(KEY, url)
    assert "pass-word" not in str(caught.value)


LOCAL = ["localhost", "LOCALHOST:8080", "app.localhost", "127.0.0.1:80", "127.9.9.9", "[::1]:80"]
FAR = ["example.com", "10.0.0.1", "localhost.example.com", "127.0.0.1.example.com"]


@every
@pytest.mark.parametrize("host", LOCAL)
def test_plain_http_may_stay_on_this_machine(make: Make, host: str) -> None:
    """Development needs no certificate."""
    assert request_url(make(KEY, f"http://{host}", path="/in")) == f"http://{host}/in"


@every
@pytest.mark.parametrize("host", FAR)
def test_plain_http_leaves_this_machine_only_if_told_so(make: Make, host: str) -> None:
    """The key would be readable on the way."""
    with pytest.raises(ConfigurationError, match="allow_insecure_http"):
        make(KEY, f"http://{host}")
    allowed = make(KEY, f"http://{host}", allow_insecure_http=True, path="/in")
    assert request_url(allowed) == f"http://{host}/in"


@every
@pytest.mark.parametrize("value", ["no", 0, 1, None])
def test_only_true_allows_plain_http(make: Make, value: Any) -> None:
    """A text such as "no", read from a file, is not a yes."""
    with pytest.raises(ConfigurationError, match="allow_insecure_http"):
        make(KEY, "http://example.com", allow_insecure_http=value)


def request_url(destination: One) -> str:
    """Return where its requests with events go."""
    route = next(iter(destination.routes))
    return destination.request(route, b"{}", encoding=None, key="k", attempt=1).url


ADDRESSES = [
    ("https://e.com", "/v1/batch", "https://e.com/v1/batch"),
    ("https://e.com/", "/v1/batch", "https://e.com/v1/batch"),
    ("https://e.com//", "v1/batch/", "https://e.com/v1/batch"),
    ("https://e.com/proxy/r", "/v1/batch", "https://e.com/proxy/r/v1/batch"),
    ("https://e.com/proxy/", "/custom/ingest/", "https://e.com/proxy/custom/ingest"),
    ("https://e.com:8443", "/", "https://e.com:8443"),
    ("https://e.com/only", "", "https://e.com/only"),
]


@every
@pytest.mark.parametrize(("url", "path", "address"), ADDRESSES)
def test_path_and_url_are_joined_by_one_slash(
    make: Make, url: str, path: str, address: str
) -> None:
    """A path in the URL is kept; slashes at the ends do not matter, but for PostHog's path."""
    kept = "/" if make is make_posthog and path.endswith("/") else ""
    assert request_url(make(KEY, url, path=path)) == address + kept


@every
@pytest.mark.parametrize("path", ["/a b", "/a?b=1", "/a#b", "/a\n", "/a\x00", None, 5])
def test_a_path_that_is_none_is_refused(make: Make, path: Any) -> None:
    """It goes into the request line as it is."""
    with pytest.raises(ConfigurationError, match="path"):
        make(KEY, path=path)


@every
def test_the_default_name_tells_sources_apart(make: Make) -> None:
    """Same key and address: same name, on every machine; nothing of the key is in it."""
    name = make().name
    others = [make("another-key"), make(KEY, "https://f.com"), make(KEY, path="/other")]
    assert make().name == name
    assert len({name, *(other.name for other in others)}) == 4
    assert name.startswith(tuple(f"{kind}-" for kind in NAMES))


@every
@pytest.mark.parametrize("name", ["a b", "a\n", "\x00", " ", 5, ["a"]], ids=repr)
def test_a_name_that_would_break_a_log_line_is_refused(make: Make, name: Any) -> None:
    """Names stand in logs and in the keys of stores."""
    with pytest.raises(ConfigurationError, match=r"^name: "):
        make(name=name)


@every
@pytest.mark.parametrize("delivery", [{"flush_at": 1}, None, 5], ids=repr)
def test_delivery_options_are_a_delivery(make: Make, delivery: Any) -> None:
    """A dict in its place is named, not found out by an attribute error later."""
    with pytest.raises(ConfigurationError, match=r"^delivery: "):
        make(delivery=delivery)


@every
def test_a_destination_is_a_value(make: Make) -> None:
    """Equal fields make equal destinations, usable in sets and as keys of dicts."""
    assert make() == make()
    assert len({make(), make(), make(Secret(KEY)), make(name="other")}) == 2
    assert make() != make(delivery=Delivery(flush_at=1))
    assert copy.deepcopy(make()) == copy.copy(make()) == make()


@each
def test_a_destination_is_frozen(destination: One) -> None:
    """Its lane has read it once."""
    for field in dataclasses.fields(destination):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(destination, field.name, "changed")


@each
def test_nothing_that_shows_a_destination_shows_its_key(destination: One) -> None:
    """Neither plain nor as the Authorization header has it, not even as a dict of its fields."""
    shown = [repr(destination), str(destination), f"{destination}", destination.name]
    shown += [repr(dataclasses.asdict(destination)), repr(dataclasses.astuple(destination))]
    basic = b64encode(f"{KEY}:".encode()).decode()
    assert [text for text in shown if KEY in text or basic in text] == []
    assert "***890" in shown[0]


@each
def test_a_destination_does_not_travel(destination: One) -> None:
    """A pickle would carry the key in plain."""
    with pytest.raises(TypeError, match="Secret"):
        pickle.dumps(destination)
