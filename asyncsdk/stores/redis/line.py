"""The line to Redis: one client of redis-py on one loop; the only file that knows redis-py.

All that can go wrong on it comes out as one of two errors: the server has no room, or it is away.
Away is also a server that may not be written to (a replica, one that is loading, a full disk) or
that does not know us: that passes, or somebody corrects it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Protocol, TypeAlias, TypeVar, cast
from urllib.parse import urlsplit, urlunsplit

import anyio

from asyncsdk import border
from asyncsdk.discreet import Discreet
from asyncsdk.errors import ConfigurationError, StoreAwayError, StoreFullError
from asyncsdk.stores.redis.errands import Errands
from asyncsdk.stores.redis.scripts import Script

T = TypeVar("T")

#: What comes back from Redis.
Reply: TypeAlias = "bytes | int | list[Reply] | None"
#: What goes there.
Word: TypeAlias = str | bytes | int

_MISSING = 'asyncsdk: RedisStore needs the "redis" package: pip install "asyncsdk[redis]"'
_DEFAULT_PORT = 6379
#: The path of a URL; redis-py takes every other one for database 0.
_DATABASE = re.compile(r"/?|/\d+/?", re.ASCII)
#: Seconds that closing connections may take.
_CLOSING = 0.05


class _Client(Protocol):
    """What we use of redis-py's clients."""

    def evalsha(self, sha: str, numkeys: int, *rest: Word) -> Awaitable[Reply]: ...
    def eval(self, script: str, numkeys: int, *rest: Word) -> Awaitable[Reply]: ...
    def smembers(self, name: str) -> Awaitable[set[bytes]]: ...
    def info(self, section: str) -> Awaitable[dict[str, object]]: ...
    def xinfo_consumers(self, name: str, groupname: str) -> Awaitable[list[dict[str, object]]]: ...
    async def aclose(self) -> None: ...


_Make = Callable[..., _Client]


class Address(Discreet, frozen=True, kw_only=True):
    """Where Redis is.

    Attributes:
        url: ``redis://``, ``rediss://`` (TLS) or ``unix://``, with name, password and database; for
            a cluster or sentinels it may name several hosts with commas between them.
        cluster: Whether it is a cluster.
        sentinel: The name of the service that sentinels at *url* know, or None.
        timeout: Seconds for connecting, and for each answer.
    """

    url: str
    cluster: bool = False
    sentinel: str | None = None
    timeout: float = 2.0

    def __repr__(self) -> str:
        """Show where it is, never a password."""
        return self.masked

    @property
    def masked(self) -> str:
        """The URL without its credentials and options."""
        parts = urlsplit(self.url)
        place = parts.netloc.rpartition("@")[2]
        credentials = "***@" if "@" in parts.netloc else ""
        return urlunsplit((parts.scheme, credentials + place, parts.path, "", ""))

    @property
    def first_url(self) -> str:
        """The URL with the first of its hosts alone."""
        parts = urlsplit(self.url)
        credentials, at, hosts = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=credentials + at + hosts.partition(",")[0]))

    @property
    def hosts(self) -> list[tuple[str, int]]:
        """The hosts that the URL names."""
        hosts: list[tuple[str, int]] = []
        for one in urlsplit(self.url).netloc.rpartition("@")[2].split(","):
            host, _, port = one.rpartition(":") if ":" in one.rpartition("]")[2] else (one, "", "")
            hosts.append((host.strip("[]") or "localhost", int(port or _DEFAULT_PORT)))
        return hosts

    def check(self) -> None:
        """Say early what cannot be right.

        Raises:
            ConfigurationError: The URL or its combination with the rest is wrong.
        """
        try:
            parts = urlsplit(self.url)
            hosts = self.hosts
        except ValueError:  # what is wrong is not repeated: it may be a password
            raise ConfigurationError(
                "url cannot be read: a port is no number, or a bracket is open"
            ) from None
        if parts.scheme not in ("redis", "rediss", "unix"):
            raise ConfigurationError("url must begin with redis://, rediss:// or unix://")
        if any(not 0 < port < 65_536 for _, port in hosts):
            raise ConfigurationError("url has a port that is not from 1 to 65,535")
        if parts.scheme != "unix" and not _DATABASE.fullmatch(parts.path):
            raise ConfigurationError("url must end with the number of a database, such as /0")
        several = parts.scheme != "unix" and len(hosts) > 1
        if several and not (self.cluster or self.sentinel):
            raise ConfigurationError("url names several hosts: say cluster=True or sentinel=…")
        if self.cluster and self.sentinel:
            raise ConfigurationError("cluster and sentinel exclude each other")

    def check_border(self) -> None:
        """Refuse another machine under pytest.

        Raises:
            StoreAwayError: One of the hosts is on another machine.
        """
        if urlsplit(self.url).scheme == "unix":
            return
        for host, _ in self.hosts:
            words = border.refusal(host)
            if words:
                raise StoreAwayError(words)


def check_options(address: Address) -> None:
    """Let redis-py, which is loaded, read the options that follow the URL.

    Raises:
        ConfigurationError: One has a value that it cannot have.
    """
    from redis.asyncio.connection import parse_url

    try:
        parse_url(address.first_url)
    except ValueError as error:
        raise ConfigurationError(f"url: {error}") from None


def require_redis() -> None:
    """Load redis-py.

    Raises:
        ConfigurationError: It is not installed.
    """
    try:
        import_module("redis.asyncio")
    except ImportError:
        raise ConfigurationError(_MISSING) from None


class Line:
    """A client of redis-py on the running loop.

    Raises:
        StoreAwayError: Tests may not go there.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        address.check_border()
        self._client, self._all = _connect(address)
        # This is all that changes.
        self._errands = Errands()
        self._closed = False

    async def run(self, script: Script, keys: Sequence[str], *words: Word) -> Reply:
        """Run *script*; one that the server does not know yet is sent along.

        Cancelling this, like any error, leaves it done or not, before anything that is asked
        later: the answer is then lost.

        Raises:
            StoreFullError: Redis has no memory left.
            StoreAwayError: Nothing useful came back.
        """
        return await self._ask(lambda: self._run(script, keys, words))

    async def _run(self, script: Script, keys: Sequence[str], words: Sequence[Word]) -> Reply:
        from redis.exceptions import NoScriptError

        try:
            return await self._client.evalsha(script.sha, len(keys), *keys, *words)
        except NoScriptError:
            return await self._client.eval(script.text, len(keys), *keys, *words)

    async def members(self, key: str) -> set[str]:
        """Return the members of a set."""
        found = await self._ask(lambda: self._client.smembers(key))
        return {member.decode(errors="replace") for member in found}

    async def info(self, section: str) -> dict[str, object]:
        """Return what the server says of itself; of a cluster, of one of its nodes."""
        said = await self._ask(lambda: self._client.info(section))
        if self._address.cluster:  # then by node
            return next((one for one in said.values() if isinstance(one, dict)), said)
        return said

    async def consumers(self, stream: str, group: str) -> list[str]:
        """Return the names of a group's consumers."""
        from redis.exceptions import ResponseError

        async def names() -> list[str]:
            try:
                found = await self._client.xinfo_consumers(stream, group)
            except ResponseError:  # no stream yet, or no group
                return []
            return [_text(one["name"]) for one in found]

        return await self._ask(names)

    async def close(self) -> None:
        """Let go of every connection; what is asked on this line from now on fails."""
        self._closed = True
        with anyio.move_on_after(_CLOSING, shield=True):  # whoever is cancelled leaves none open
            await self._errands.end()
            await self._hang_up()

    async def _hang_up(self) -> None:
        for client in self._all:
            with suppress(Exception):  # what is wrong with one that is let go is no matter
                await client.aclose()

    async def _ask(self, work: Callable[[], Awaitable[T]]) -> T:
        return await self._errands.run(lambda: self._answer(work))

    async def _answer(self, work: Callable[[], Awaitable[T]]) -> T:
        if self._closed:
            raise StoreAwayError(f"{self._address.masked}: the connection was given up")
        try:
            return await work()
        except Exception as error:  # noqa: BLE001 - sorted in _trouble
            raise self._trouble(error) from None
        finally:
            if self._closed:  # meanwhile; then this may have opened another connection
                await self._hang_up()

    def _trouble(self, error: Exception) -> Exception:
        """Translate what redis-py raised; its words may come from the server, and are cut."""
        text = " ".join(str(error).split())[:200]
        password = urlsplit(self._address.url).password if "@" in self._address.url else None
        if password:
            text = text.replace(password, "***")
        if "OOM " in text or type(error).__name__ == "OutOfMemoryError":
            return StoreFullError(f"Redis has no memory left for the queue ({text})")
        return StoreAwayError(f"{self._address.masked}: {type(error).__name__}: {text}")


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _connect(address: Address) -> tuple[_Client, Sequence[_Client]]:
    """Make the client, and name all that must be closed; it connects with its first command.

    What fails comes to us at once: to repeat is the store's business, which knows what that means.
    """
    from redis.asyncio import Redis, RedisCluster
    from redis.asyncio.cluster import ClusterNode
    from redis.asyncio.connection import parse_url
    from redis.asyncio.retry import Retry
    from redis.asyncio.sentinel import Sentinel
    from redis.backoff import NoBackoff

    # The types of redis-py's constructors are wider and narrower than what they take.
    make_cluster = cast("_Make", RedisCluster.from_url)
    make_client = cast("_Make", Redis.from_url)
    make_sentinel = cast("Callable[..., Sentinel]", Sentinel)
    url, timeout = address.first_url, address.timeout
    timing = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    if address.cluster:
        nodes = [ClusterNode(host, port) for host, port in address.hosts[1:]]
        client = make_cluster(url, startup_nodes=nodes, **timing)
        return client, [client]
    once = Retry(NoBackoff(), 0)
    if address.sentinel is None:
        client = make_client(url, retry=once, **timing)
        return client, [client]
    options = {name: value for name, value in parse_url(url).items() if name not in _OF_A_HOST}
    options["ssl"] = url.startswith("rediss:")
    sentinel = make_sentinel(address.hosts, sentinel_kwargs=timing)
    master = cast("_Make", sentinel.master_for)
    client = master(address.sentinel, retry=once, **timing, **options)
    return client, [client, *cast("list[_Client]", sentinel.sentinels)]


#: What a URL says of its host, which sentinels say of the master.
_OF_A_HOST = ("host", "port", "path", "connection_class")
