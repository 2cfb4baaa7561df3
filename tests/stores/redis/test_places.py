"""Where Redis can be: a cluster, sentinels, behind TLS, with users and passwords."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from asyncsdk.errors import StoreAwayError
from asyncsdk.stores import RedisStore
from asyncsdk.stores.redis.line import Address
from asyncsdk.testing import check_store
from tests.delivery.making import batch
from tests.stores.redis.servers import DURABLE, Server, binary, cluster, free_port, running
from tests.stores.redis.test_owning import users
from tests.stores.redis.using import LANE, keys, live, new_queue, take

pytestmark = pytest.mark.whole_way


@pytest.fixture(scope="module")
def nodes() -> Iterator[Sequence[Server]]:
    """Run a cluster of three."""
    with cluster() as servers:
        yield servers


async def test_a_cluster_passes_the_kit(nodes: Sequence[Server]) -> None:
    """Every script keeps to the keys of one slot."""
    url = nodes[0].url
    await check_store(lambda place: RedisStore(url, queue_name=place, cluster=True))


async def test_shards_spread_over_a_cluster(nodes: Sequence[Server]) -> None:
    """Each has a tag of its own; several hosts may be named."""
    hosts = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
    queue = new_queue()
    store = RedisStore(f"redis://{hosts}/0", queue_name=queue, cluster=True, shards=8)
    async with live(store):
        await store.append(LANE, users(100))
        used = [node for node in nodes if queue in node.ask("KEYS", "*:s")]
        assert len(used) == 3
        found = 0
        while found < 100:
            for lease in await take(store):
                found += len(lease.batch.events)
                assert await store.settle(lease, ())


@contextmanager
def sentinel(folder: Path, master: Server) -> Iterator[int]:
    """Run a sentinel that watches *master*; hand out its port."""
    port = free_port()
    config = folder / "sentinel.conf"
    config.write_text(f"port {port}\nsentinel monitor main 127.0.0.1 {master.port} 1\n")
    line = [binary("7"), str(config), "--sentinel"]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.kill()
        process.wait()


async def test_sentinels_lead_to_the_master(tmp_path: Path) -> None:
    """By the name of the service."""
    with running("7", *DURABLE) as master, sentinel(tmp_path, master) as port:
        url = f"redis://127.0.0.1:{port}/0"
        async with live(RedisStore(url, queue_name=new_queue(), sentinel="main")) as store:
            await store.append(LANE, batch("a"))
            assert keys(await take(store)) == ["a"]


async def test_tls_is_verified(tmp_path: Path) -> None:
    """With the authority's certificate it works, without it nothing is said to the server."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    port = free_port()
    options = ["--tls-port", str(port), "--tls-auth-clients", "no"]
    for name, file in (("cert", "cert"), ("key", "key"), ("ca-cert", "ca")):
        options += [f"--tls-{name}-file", str(tmp_path / f"{file}.pem")]
    with running("7", *options):
        url = f"rediss://127.0.0.1:{port}/0"
        good = RedisStore(f"{url}?ssl_ca_certs={tmp_path}/ca.pem", queue_name=new_queue())
        async with live(good):
            await good.append(LANE, batch("a"))
            assert keys(await take(good)) == ["a"]
        async with live(RedisStore(url, queue_name=new_queue(), strict_order=True)) as bad:
            with pytest.raises(StoreAwayError, match=r"(?i)certificate"):
                await bad.append(LANE, batch("a"))


async def test_a_user_of_an_acl_needs_these_rights_and_no_more(server_7: Server) -> None:
    """The keys of its prefix, and the commands that docs/durability.md names."""
    rights = ("~{rudder}*", "+@stream", "+@hash", "+@sortedset", "+@set", "+@string", "+@scripting")
    server_7.ask("ACL", "SETUSER", "shop", "on", ">secret", "resetkeys", "-@all", *rights)
    server_7.ask(
        "ACL", "SETUSER", "shop", "+del", "+exists", "+expire", "+time", "+hello", "+client"
    )
    url = server_7.url.replace("//", "//shop:secret@")
    store = RedisStore(url, queue_name=new_queue(), strict_order=True)
    async with live(store):
        await store.append(LANE, batch("a"))
        (lease,) = await take(store)
        assert await store.settle(lease, ())


@pytest.mark.parametrize(
    ("url", "hosts", "first", "masked"),
    [
        ("redis://h", [("h", 6379)], "redis://h", "redis://h"),
        ("redis://u:p@h:1/2?a=b", [("h", 1)], "redis://u:p@h:1/2?a=b", "redis://***@h:1/2"),
        (
            "rediss://:p@a:1,b/0",
            [("a", 1), ("b", 6379)],
            "rediss://:p@a:1/0",
            "rediss://***@a:1,b/0",
        ),
        ("redis://[::1]:7", [("::1", 7)], "redis://[::1]:7", "redis://[::1]:7"),
        ("redis://[::1]", [("::1", 6379)], "redis://[::1]", "redis://[::1]"),
    ],
)
def test_an_address_is_read_and_masked(
    url: str, hosts: list[tuple[str, int]], first: str, masked: str
) -> None:
    """One host or several, names or numbers."""
    address = Address(url=url)
    assert (address.hosts, address.first_url, repr(address)) == (hosts, first, masked)
