"""The demo: a failing server, a shop's events, and a count at the server of what arrived."""

import math
import sys
import time
from collections import Counter

import anyio
import msgspec

from asyncsdk.cli import faults, flag_act
from asyncsdk.cli.arguments import DemoOptions
from asyncsdk.cli.feeding import TASKS, THREADS, Feed
from asyncsdk.cli.interrupting import INTERRUPTED, interrupt_by_cancelling, until_interrupted
from asyncsdk.cli.screen import LIVE_EVERY, Screen
from asyncsdk.cli.stand_in import Arrived
from asyncsdk.cli.standing_in import StandInError, stand_in
from asyncsdk.cli.tallying import Act, percentile, tally
from asyncsdk.cli.wording import Reading, Run, demo_rows, listed, verdict
from asyncsdk.client import AsyncAnalytics
from asyncsdk.client.settings import Options
from asyncsdk.destinations import RudderStack
from asyncsdk.version import __version__

#: Fewer events than this come without the poisoned one: it needs company to be told apart.
_LEAST_FOR_POISON = 200
#: Seconds that Ctrl-C leaves for what is on its way.
_AFTER_INTERRUPT = 2.0

# Small batches, so that the faults have many requests to choose from; quick retries, because the
# server recovers quickly; a queue that a producer who awaits cannot overrun.
_QUEUE = 50_000
_OPTIONS: Options = {
    "flush_interval": 0.5,
    "max_batch_events": 250,
    "max_queue_events": _QUEUE,
    "max_retries": 50,
    "retry_base": 0.02,
    "retry_cap": 0.25,
    "timeout": 2.0,
    "probe_after": 0.25,
    "probe_cap": 1.0,
    "exit_drain": 0.0,  # a second Ctrl-C means now
}


async def demo(options: DemoOptions, screen: Screen) -> int:
    """Run it and return the exit code: 1 if anything was lost, 130 after Ctrl-C."""
    interrupt_by_cancelling()
    script = faults.STANDARD if options.faults is None else options.faults
    poisoned = options.faults is None and options.events >= _LEAST_FOR_POISON
    try:
        async with stand_in(script) as server:
            _say_what_comes(options, script, url=server.url, poisoned=poisoned, screen=screen)
            analytics = AsyncAnalytics(RudderStack("demo-write-key", server.url), **_OPTIONS)
            feed = Feed(
                analytics,
                options.events,
                seed=options.seed,
                poisoned=poisoned,
                crowded_at=_QUEUE // 2,
            )
            began = time.monotonic()
            early = await _stream(analytics, feed, options, screen)
            seconds = time.monotonic() - began
            peak = peak_memory()
            act, cut_short = (None, True) if early else await _act(options, server.url)
            arrived = await server.arrived()
    except StandInError as error:
        screen.complain(f"asyncsdk demo: {error}")
        return 1
    letters = [letter async for letter in analytics.dead_letters()]
    timings = sorted(taken for producer in feed.producers for taken in producer.timings)
    run = Run(
        tally=tally(feed.ids, arrived.ids, [letter.message_id for letter in letters]),
        seconds=seconds,
        retries=analytics.statistics().retries,
        refusals=Counter(letter.reason for letter in letters),
        p50=percentile(timings, 50),
        p99=percentile(timings, 99),
        peak_bytes=peak,
        early=early,
        act=act and msgspec.structs.replace(act, arrived=len(arrived.posthog)),
    )
    _show(run, arrived, screen)
    if cut_short:
        return INTERRUPTED
    return 1 if run.tally.lost or (run.act is not None and run.act.lost) else 0


async def _act(options: DemoOptions, url: str) -> tuple[Act | None, bool]:
    """Let PostHog's visitors come, and return whether Ctrl-C cut them short.

    Not to a server with faults of the caller's own: their counts are about the first act.
    """
    visitors = min(options.events // flag_act.CALLS_PER_VISITOR, flag_act.MOST_VISITORS)
    acts: list[Act] = []

    async def play() -> None:
        acts.append(
            await flag_act.perform(
                url, visitors, seed=options.seed, patience=options.patience, options=_OPTIONS
            )
        )

    if options.faults or not visitors:
        return None, False
    cut_short = await until_interrupted(play())
    return (acts[0] if acts else None), cut_short


def _show(run: Run, arrived: Arrived, screen: Screen) -> None:
    if run.early:
        screen.say("stopped early; what is known so far:")
    screen.say("")
    screen.show(demo_rows(run))
    thrown = [f"{count:,} x {faults.word(kind)}" for kind, count in sorted(arrived.faults.items())]
    head = f"  of {arrived.requests:,} requests failed on purpose  "
    screen.say("", *listed(head, thrown or ["none"]))
    if not run.early:
        screen.say("", f"  {verdict(run.tally)}", tone="bad" if run.tally.lost else "good")


def _say_what_comes(
    options: DemoOptions, script: tuple[str, ...], *, url: str, poisoned: bool, screen: Screen
) -> None:
    screen.say(
        f"asyncsdk {__version__} demo: {options.events:,} events of a shop, "
        f"from {TASKS} tasks and {THREADS} threads",
        tone="strong",
    )
    planned = [faults.describe(faults.read_fault(text)) for text in script]
    if poisoned:
        planned.append("one event that the server refuses")
    screen.say(f"  server  {url}, in a process of its own")
    screen.say(*listed("  faults  ", planned or ["none"]), "")


async def _stream(
    analytics: AsyncAnalytics, feed: Feed, options: DemoOptions, screen: Screen
) -> bool:
    """Make all calls and deliver what can be delivered; return whether Ctrl-C cut it short."""
    early = False
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_watch, analytics, options.events, screen)
        early = await until_interrupted(_send_all(analytics, feed, options.patience))
        if early:
            screen.complain("stopping …")
        await analytics.shutdown(_AFTER_INTERRUPT if early else 0.0)
        tasks.cancel_scope.cancel()
    screen.clear()
    return early


async def _send_all(analytics: AsyncAnalytics, feed: Feed, patience: float) -> None:
    """Make all calls, then wait until nothing is pending, *patience* seconds at the most."""
    await analytics.start()
    await feed.run()
    with anyio.move_on_after(patience):
        while analytics.pending:
            # A flush ends early where a lane stands still.
            await analytics.flush(math.inf)
            await anyio.sleep(0.02)


async def _watch(analytics: AsyncAnalytics, events: int, screen: Screen) -> None:
    began = time.monotonic()
    while True:
        await anyio.sleep(LIVE_EVERY)
        view = analytics.statistics()
        settled = view.delivered + view.rejected + view.dead + view.dropped
        screen.progress(
            Reading(
                seconds=time.monotonic() - began,
                settled=settled,
                waiting=view.pending,
                retries=view.retries,
                share=settled / events,
            )
        )


def peak_memory() -> int | None:
    """Return the most bytes that this process ever held, None where the system does not say."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
