"""The worker process: which workers run, what they do by the clock, and how they stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from faststream import FastStream

from app import metrics
from app.errors import StartupError
from app.log import get_logger
from app.runtime import Runtime
from app.settings import Settings
from app.stores.redis import ERASE, FEEDBACK, OUTCOME, REBUILD, SERVED
from app.wiring import open_runtime
from workers import fitter, recorder, scorer, sweeper
from workers.broker import Subscription, create_groups, open_broker, subscribe

_log = get_logger(__name__)


class Worker(StrEnum):
    """A kind of background work; any number of processes may run any of them."""

    SCORER = "scorer"
    RECORDER = "recorder"
    FITTER = "fitter"
    SWEEPER = "sweeper"


SWEEP_S = 10.0
WATCH_S = 5.0


@dataclass(frozen=True, slots=True)
class Chore:
    """Something a worker does by the clock."""

    name: str
    every_s: float
    do: Callable[[], Awaitable[None]]


def subscriptions(rt: Runtime, workers: Sequence[Worker]) -> list[Subscription]:
    """What these workers read."""
    every = [
        Subscription(Worker.SCORER, FEEDBACK, partial(scorer.score, rt)),
        Subscription(Worker.RECORDER, SERVED, partial(recorder.record_impressions, rt)),
        Subscription(Worker.RECORDER, OUTCOME, partial(recorder.record_outcomes, rt)),
        Subscription(Worker.SWEEPER, REBUILD, partial(sweeper.rebuild, rt)),
        Subscription(Worker.SWEEPER, ERASE, partial(sweeper.erase, rt)),
    ]
    return [each for each in every if each.worker in workers]


def chores(rt: Runtime, workers: Sequence[Worker]) -> list[Chore]:
    """What these workers do by the clock."""
    due = []
    if Worker.FITTER in workers:
        due.append(Chore("fit", rt.settings.fit_interval_s, partial(fitter.refit, rt)))
    if Worker.SWEEPER in workers:
        due.append(Chore("sweep", SWEEP_S, partial(sweeper.sweep, rt)))
        due.append(Chore("watch", WATCH_S, partial(sweeper.watch, rt)))
    return due


async def work(settings: Settings, workers: Sequence[Worker]) -> None:
    """Runs these workers until a signal; batches under way are finished first."""
    if settings.redis_url is None:
        raise StartupError("LRGD_REDIS_URL is not set")
    metrics.expose(settings.metrics_port)
    async with open_runtime(settings, learns=True) as rt:
        reading = subscriptions(rt, workers)
        await create_groups(settings.redis_url, reading)
        broker = open_broker(settings.redis_url)
        app = FastStream(broker, logger=None)
        full = asyncio.Event()
        for each in reading:
            subscribe(
                broker,
                each,
                rt.dead,
                batch_size=settings.batch_size,
                claim_idle_ms=settings.claim_idle_ms,
                on_full=full.set,
            )
        tasks = [asyncio.create_task(_repeat(chore), name=chore.name) for chore in chores(rt, workers)]
        tasks.append(asyncio.create_task(_leave(app, full), name="leave"))
        _log.info("working", workers=[str(worker) for worker in workers])
        try:
            await app.run()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            _log.info("stopped")
    if full.is_set():
        raise StartupError("too many dead letters: see `lrgd work --dead`, mend the cause, then --redrive")


async def _leave(app: FastStream, full: asyncio.Event) -> None:
    """Stops the worker, batches under way first, once there are too many dead letters."""
    await full.wait()
    app.exit()


async def _repeat(chore: Chore) -> None:
    failing: str | None = None
    while True:
        try:
            await chore.do()
            failing = None
        except Exception as error:  # noqa: BLE001 - the next time it may work
            if failing != repr(error):
                _log.warning("chore_failed", chore=chore.name, error=repr(error))
            failing = repr(error)
        await asyncio.sleep(chore.every_s)
