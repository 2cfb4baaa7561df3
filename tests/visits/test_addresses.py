"""Who is asking, seen through proxies: only what a listed one says is believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncsdk import ConfigurationError
from asyncsdk.visits import TrustedProxies

PROXIES = TrustedProxies("10.0.0.0/8", "2001:db8::/32")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "192.0.2.66, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "192.0.2.66, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"),
        ("2001:db8::1", "2001:4860::8888", "2001:4860::8888"),
        ("10.0.0.1", "[2001:4860::8888]:443", "2001:4860::8888"),
        ("10.0.0.1", "198.51.100.1:50123", "198.51.100.1"),
        ("::ffff:10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("fe80::1%eth0", "", "fe80::1"),
        ("10.0.0.1", "198.51.100.1, unknown", None),
        ("10.0.0.1", "198.51.100.1,,", None),
        ("10.0.0.1", "1" * 10_000, None),
        ("not an address", "198.51.100.1", None),
        (None, "198.51.100.1", None),
    ],
)
def test_forwarded_addresses_are_read_from_the_right(
    peer: str | None, forwarded: str, client: str | None
) -> None:
    """The leftmost one is written by whoever asks; the word of a stranger is none."""
    assert PROXIES.client_of(peer, forwarded) == client


def test_without_proxies_nobody_is_believed() -> None:
    """A server that stands in the open."""
    assert TrustedProxies().client_of("10.0.0.1", "198.51.100.1") == "10.0.0.1"


def test_a_proxy_may_come_over_a_unix_socket() -> None:
    """It has no address; it is believed if it is listed, and is itself nobody's client."""
    proxies = TrustedProxies("unix")
    assert proxies.client_of(None, "192.0.2.66, 198.51.100.1") == "198.51.100.1"
    assert proxies.client_of(None, "") is None


@given(st.ip_addresses(network="198.51.100.0/24").map(str), st.text(max_size=60))
def test_whoever_asks_cannot_choose_an_address(client: str, lie: str) -> None:
    """Whatever stands left of what the first proxy saw changes nothing."""
    assert PROXIES.client_of("10.0.0.1", f"{lie},{client},10.0.0.2") == client


@pytest.mark.parametrize("network", ["", "10.0.0.0/40", "localhost", "example.com"])
def test_what_is_no_network_is_refused_at_once(network: str) -> None:
    """A typing error in a list of proxies would leave everybody with the proxy's address."""
    with pytest.raises(ConfigurationError, match="client_ip"):
        TrustedProxies(network)


def test_the_list_can_be_seen() -> None:
    """In the repr of rules."""
    assert repr(TrustedProxies("10.0.0.1/8", "unix")) == "TrustedProxies('10.0.0.0/8', 'unix')"
