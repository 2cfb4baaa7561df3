"""bind and the contexts: what a call inherits, and what wins."""

import asyncio
import contextvars
import threading
from typing import Any

import pytest

from asyncsdk import AsyncAnalytics, Message, ValidationError
from asyncsdk.client.checking import Bound
from asyncsdk.collector import Collector
from tests.client.conftest import MakeClient
from tests.client.street import NOWHERE, arrived, bodies, rudder


def context_of(body: dict[str, Any]) -> dict[str, Any]:
    """Return an event's context without the library's name."""
    return {name: value for name, value in body["context"].items() if name != "library"}


async def test_calls_inside_inherit(client: AsyncAnalytics, collector: Collector) -> None:
    """Ids, session and context; outside nothing of it is left."""
    with client.bind(user_id="u", anonymous_id="a", session_id="s", context={"ip": "192.0.2.1"}):
        client.track("E")
    with pytest.raises(ValidationError):
        client.track("E")
    body = await arrived(client, collector)
    assert (body["userId"], body["anonymousId"]) == ("u", "a")
    assert context_of(body) == {"ip": "192.0.2.1", "sessionId": "s"}


async def test_bind_gives_the_client(client: AsyncAnalytics) -> None:
    """So that it can be named in the with line."""
    with client.bind(user_id="u") as bound:
        assert bound is client


async def test_what_a_call_says_itself_wins(client: AsyncAnalytics, collector: Collector) -> None:
    """Ids are replaced, contexts are merged one level deep."""
    with client.bind(user_id="bound", context={"app": {"a": 1, "b": 2}, "locale": "en"}):
        client.track("E", user_id="said", context={"app": {"a": 3}})
    body = await arrived(client, collector)
    assert body["userId"] == "said"
    assert context_of(body) == {"app": {"a": 3}, "locale": "en"}


async def test_a_false_id_of_the_call_wins_too(
    client: AsyncAnalytics, collector: Collector
) -> None:
    """Zero names nobody, but it was said."""
    with client.bind(user_id="u", anonymous_id="a"):
        client.track("E", user_id=0)
    body = await arrived(client, collector)
    assert (body["userId"], body["anonymousId"]) == (0, "a")


async def test_binds_nest(client: AsyncAnalytics, collector: Collector) -> None:
    """The inner one wins, and is taken back first."""
    with client.bind(user_id="outer", context={"a": 1, "b": 1}):
        with client.bind(anonymous_id="inner", context={"b": 2}):
            client.track("in")
        client.track("out")
    await client.flush(10)
    inside, outside = bodies(collector)
    assert (inside["userId"], inside["anonymousId"]) == ("outer", "inner")
    assert context_of(inside) == {"a": 1, "b": 2}
    assert "anonymousId" not in outside
    assert context_of(outside) == {"a": 1, "b": 1}


async def test_a_bind_may_be_entered_again(client: AsyncAnalytics, collector: Collector) -> None:
    """Also inside itself."""
    bound = client.bind(user_id="u")
    with bound, bound:
        client.track("first")
    with bound:
        client.track("second")
    await client.flush(10)
    assert [body["userId"] for body in bodies(collector)] == ["u", "u"]


async def test_a_bind_ends_when_its_block_raises(client: AsyncAnalytics) -> None:
    """However the block is left."""
    with pytest.raises(KeyError), client.bind(user_id="u"):
        raise KeyError
    with pytest.raises(ValidationError):
        client.track("E")


async def test_tasks_inherit_from_where_they_start(
    client: AsyncAnalytics, collector: Collector
) -> None:
    """And what they bind themselves, nobody else sees."""
    inside = asyncio.Event()

    async def other(user: str) -> None:
        with client.bind(user_id=user):
            await inside.wait()
            client.track(user)

    async def child() -> None:
        client.track("child")

    tasks = [asyncio.create_task(other(name)) for name in ("first", "second")]
    await asyncio.sleep(0)
    with client.bind(user_id="parent"):
        tasks.append(asyncio.create_task(child()))
    inside.set()
    await asyncio.gather(*tasks)
    await client.flush(10)
    seen = {body["event"]: body["userId"] for body in bodies(collector)}
    assert seen == {"first": "first", "second": "second", "child": "parent"}


async def test_a_thread_sees_it_when_its_context_is_handed_over(
    client: AsyncAnalytics, collector: Collector
) -> None:
    """`asyncio.to_thread` does; a bare thread begins with nothing."""
    with client.bind(user_id="u"):
        await asyncio.to_thread(client.track, "to_thread")
        refused: list[Exception] = []

        def bare() -> None:
            try:
                client.track("bare")
            except ValidationError as error:
                refused.append(error)

        thread = threading.Thread(target=bare)
        thread.start()
        thread.join()
        thread = threading.Thread(target=contextvars.copy_context().run, args=(bare,))
        thread.start()
        thread.join()
    await client.flush(10)
    assert len(refused) == 1
    assert [body["event"] for body in bodies(collector)] == ["to_thread", "bare"]


async def test_two_clients_do_not_see_each_other(make: MakeClient, collector: Collector) -> None:
    """What is bound for one is not bound for the other."""
    first, second = make(), make(rudder(collector, name="second"))
    with first.bind(user_id="first"):
        with second.bind(user_id="second"):
            first.track("E")
            second.track("E")
        with pytest.raises(ValidationError):
            second.track("E")
    await first.flush(10)
    await second.flush(10)
    assert [body["userId"] for body in bodies(collector)] == ["first", "second"]


async def test_groups_and_consent_are_bound_and_merged(make: MakeClient) -> None:
    """Seen by a hook, since no system here sends them."""
    seen: list[tuple[Any, Any]] = []

    def look(message: Message) -> Message:
        seen.append((message.groups, message.consent))
        return message

    client = make(before_send=look)
    with client.bind(groups={"company": "a", "team": "t"}, consent={"ads": False}):
        client.track("E", user_id="u")
        client.track("E", user_id="u", groups={"company": "b"}, consent=True)
        with client.bind(groups={"team": "z"}):
            client.track("E", user_id="u")
    assert seen == [
        ({"company": "a", "team": "t"}, {"ads": False}),
        ({"company": "b", "team": "t"}, True),
        ({"company": "a", "team": "z"}, {"ads": False}),
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("user_id", ["u"]),
        ("anonymous_id", True),
        ("session_id", b"s"),
        ("context", "here"),
        ("groups", ["g"]),
        ("consent", "yes"),
    ],
)
def test_what_is_bound_is_checked_where_it_is_bound(name: str, value: Any) -> None:
    """Not at every call inside."""
    client = AsyncAnalytics(rudder(NOWHERE))
    bad: dict[str, Any] = {name: value}
    with pytest.raises(ValidationError, match=f"^{name}: .*{type(value).__name__}"):
        client.bind(**bad)


async def test_what_was_bound_is_a_snapshot(client: AsyncAnalytics, collector: Collector) -> None:
    """What the program does with its dict afterwards does not show."""
    context: dict[str, Any] = {"app": {"version": 1}}
    with client.bind(user_id="u", context=context):
        context["app"]["version"] = 2
        context["more"] = True
        client.track("E")
    assert context_of(await arrived(client, collector)) == {"app": {"version": 1}}


async def test_contexts_lie_on_each_other_in_one_order(
    make: MakeClient, collector: Collector
) -> None:
    """Default, then bound, then the call's own; the library's name is always ours."""
    layers = {"default": "default", "bound": "default", "call": "default", "library": "mine"}
    client = make(default_context=layers)
    with client.bind(context={"bound": "bound", "call": "bound", "library": "mine"}):
        client.track("E", user_id="u", context={"call": "call", "library": "mine"})
    body = await arrived(client, collector)
    assert context_of(body) == {"default": "default", "bound": "bound", "call": "call"}
    assert body["context"]["library"]["name"] == "asyncsdk"


async def test_a_context_is_merged_one_level_deep(make: MakeClient, collector: Collector) -> None:
    """Deeper, what is said last stands alone: a merge of all levels surprises."""
    client = make(default_context={"app": {"name": "shop", "version": 1}})
    client.track("E", user_id="u", context={"app": {"version": 2}})
    assert context_of(await arrived(client, collector)) == {"app": {"version": 2}}


async def test_the_runtime_is_named_when_asked_for(make: MakeClient, collector: Collector) -> None:
    """Below everything else: whoever says better is right."""
    import platform

    client = make(include_runtime_context=True, default_context={"arch": "other"})
    client.track("E", user_id="u")
    assert context_of(await arrived(client, collector)) == {
        "python_version": platform.python_version(),
        "platform": platform.system().lower(),
        "arch": "other",
    }


async def test_without_any_context_there_is_the_library_alone(
    client: AsyncAnalytics, collector: Collector
) -> None:
    """Nothing of the machine leaves it unasked."""
    client.track("E", user_id="u")
    body = await arrived(client, collector)
    assert list(body["context"]) == ["library"]
    assert set(body["context"]["library"]) == {"name", "version"}


async def test_what_is_known_later_is_asked_with_each_call(
    client: AsyncAnalytics, collector: Collector
) -> None:
    """Whoever binds a request does not know its route yet, and a request without calls costs nothing."""
    asked: list[str] = []

    def read() -> Bound:
        asked.append("asked")
        return Bound(user_id="u", context={"n": len(asked)}, plain=True)

    with client.bind_from(read) as bound:
        assert (bound, asked) == (client, [])
        client.track("E")
        client.track("E")
    await client.flush()
    assert [context_of(body) for body in bodies(collector)] == [{"n": 1}, {"n": 2}]


async def test_what_is_known_later_nests_like_everything_else(
    client: AsyncAnalytics, collector: Collector
) -> None:
    """An inner `bind` wins over it and does not ask; an outer one shines through."""
    known: list[Bound] = []
    with (
        client.bind(anonymous_id="outer", context={"a": 1, "b": 1}),
        client.bind_from(lambda: known[-1]),
        client.bind(user_id="inner", context={"c": 3}),
    ):
        known.append(Bound(user_id="later", context={"b": 2, "c": 2}, plain=True))
        client.track("E")
    body = await arrived(client, collector)
    assert (body["userId"], body["anonymousId"]) == ("inner", "outer")
    assert context_of(body) == {"a": 1, "b": 2, "c": 3}
