"""Addresses: whose a request is, when proxies stand between.

Each proxy adds to `X-Forwarded-For` the address that it was asked from, at the right end. What
stands left of the last proxy's word was written by whoever asked, so it is a claim. It is read from
the right: as long as the one who speaks is a listed proxy, the next address to the left is believed.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from asyncsdk.errors import ConfigurationError

#: How a peer without an address is listed: one that came over a Unix socket.
UNIX = "unix"
#: Addresses of one request that are looked at.
MOST_HOPS = 20
#: Characters that an address may have, with brackets, a zone and a port.
_LONGEST = 80

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network


class TrustedProxies:
    """The proxies whose word about who asks them is taken.

    Without any, who asks is who is at the other end of the connection.

    Args:
        networks: Addresses and networks, such as ``"10.0.0.0/8"`` or ``"::1"``; ``"unix"`` for
            proxies that come over a Unix socket.

    Raises:
        ConfigurationError: One is neither.
    """

    def __init__(self, *networks: str) -> None:
        self._networks: tuple[_Network, ...] = tuple(
            _network(one) for one in networks if one != UNIX
        )
        self._unix = UNIX in networks
        # The same few speak again and again.
        self._look = lru_cache(maxsize=1024)(self._read)

    def client_of(self, peer: str | None, forwarded: str) -> str | None:
        """Return the address of who asks, None if nobody who is trusted says it.

        Args:
            peer: The address at the other end of the connection; None for a Unix socket.
            forwarded: What `X-Forwarded-For` says, all of it, in order.
        """
        speaker, listed = (None, self._unix) if peer is None else self._look(peer[:_LONGEST])
        if listed and forwarded:
            for claim in reversed(forwarded.split(",")[-MOST_HOPS:]):
                speaker, listed = self._look(claim[:_LONGEST])
                if not listed:
                    break
        return speaker

    def _read(self, text: str) -> tuple[str | None, bool]:
        """Return the address in its usual form, and whether it is listed."""
        address = read_address(text)
        if address is None:
            return None, False
        return str(address), any(address in network for network in self._networks)

    def __repr__(self) -> str:
        """Show the list."""
        listed = [str(one) for one in self._networks] + [UNIX] * self._unix
        return f"TrustedProxies({', '.join(map(repr, listed))})"


def read_address(text: str) -> _Address | None:
    """Read an address, also one with a port; None if it is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _network(text: str) -> _Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise ConfigurationError(
            f"client_ip: {text!r} is no address, no network and not {UNIX!r}"
        ) from None
