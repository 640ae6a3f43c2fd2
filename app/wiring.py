"""Where a Runtime is put together and taken apart; the one place that knows every adapter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from app.errors import ArtifactError, StartupError, StoreDown
from app.live import LiveArtifact, follow
from app.log import get_logger
from app.runtime import Runtime
from app.settings import Settings
from app.stores import schema
from app.stores.backlog import Backlogs
from app.stores.batching import Batcher
from app.stores.catalogue import Catalogue
from app.stores.database import database_guard, open_engine
from app.stores.dead import DeadLetters
from app.stores.fits import Fits
from app.stores.health import Health
from app.stores.memory import MemoryStore
from app.stores.outcomes import Outcomes
from app.stores.redis import open_redis, redis_guard
from app.stores.streams import Streams

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from sqlalchemy.ext.asyncio import AsyncEngine

_log = get_logger(__name__)
LEARNER_TIMEOUT_MS = 10_000  # workers wait longer for a store than requests do
STORE_REST_S = 1.0  # how long requests leave a failing store alone
IMPRESSION_GRACE_S = 600  # impressions outlive the attribution window by this much, for a scorer that is behind


@asynccontextmanager
async def open_runtime(settings: Settings, *, learns: bool) -> AsyncIterator[Runtime]:
    """A Runtime with its model loaded and followed.

    `learns` is for workers: they draft demonstrations, wait longer for stores, and never leave one alone. API processes
    start even when a store is down.
    """
    if settings.redis_url is None or settings.database_url is None:
        raise StartupError("LRGD_REDIS_URL and LRGD_DATABASE_URL are not set; `lrgd demo` brings its own servers")
    async with AsyncExitStack() as stack:
        timeout_ms = LEARNER_TIMEOUT_MS if learns else settings.redis_timeout_ms
        redis = open_redis(settings.redis_url, timeout_ms=timeout_ms)
        stack.push_async_callback(redis.aclose)
        untimed = open_redis(settings.redis_url, timeout_ms=timeout_ms, timed=False)
        stack.push_async_callback(untimed.aclose)
        batcher = Batcher(untimed, timeout_ms=timeout_ms)
        engine = open_engine(settings.database_url, pool_size=settings.database_pool)
        stack.push_async_callback(engine.dispose)
        live = await _live(settings, engine, learns=learns)
        following = asyncio.create_task(follow(live, every_s=settings.refresh_s), name="follow-model")
        stack.push_async_callback(_cancelled, following)
        yield _runtime(settings, redis, batcher, engine, live, rest_s=0.0 if learns else STORE_REST_S)


def _runtime(
    settings: Settings, redis: Redis, batcher: Batcher, engine: AsyncEngine, live: LiveArtifact, *, rest_s: float
) -> Runtime:
    guard, database = redis_guard(rest_s=rest_s), database_guard(rest_s=rest_s)
    window_s = settings.attribution_window_s + IMPRESSION_GRACE_S
    return Runtime(
        settings=settings,
        memory=MemoryStore(redis, batcher, guard, ttl_s=settings.memory_ttl_s),
        streams=Streams(redis, batcher, guard, window_s=window_s, answer_ttl_s=settings.answer_ttl_s),
        catalogue=Catalogue(engine, database),
        outcomes=Outcomes(engine, database),
        fits=Fits(engine, database),
        backlogs=Backlogs(redis, guard),
        dead=DeadLetters(redis, guard),
        health=Health(redis, engine, schema_head=schema.head()),
        live=live,
    )


async def _live(settings: Settings, engine: AsyncEngine, *, learns: bool) -> LiveArtifact:
    # a guard of its own: the follower asks on its own clock, whatever the requests have met
    live = LiveArtifact(settings.artifact_folder, Catalogue(engine, database_guard(rest_s=0.0)), drafts=learns)
    try:
        await live.refresh()
    except (StoreDown, ArtifactError) as error:
        _log.warning("starting_without_a_model", error=str(error))
    return live


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
