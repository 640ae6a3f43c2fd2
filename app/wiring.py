"""Where a Runtime is put together and taken apart; the one place that knows every adapter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.errors import StartupError
from app.live import LiveArtifact, follow
from app.log import get_logger
from app.runtime import Runtime
from app.settings import Settings
from app.stores import schema
from app.stores.backlog import Backlogs
from app.stores.catalogue import Catalogue
from app.stores.connections import Connections, open_connections
from app.stores.database import database_guard
from app.stores.dead import DeadLetters
from app.stores.fits import Fits
from app.stores.health import Health
from app.stores.memory import MemoryStore
from app.stores.outcomes import Outcomes
from app.stores.streams import Streams

_log = get_logger(__name__)
IMPRESSION_GRACE_S = 600  # impressions outlive the attribution window by this much, for a scorer that is behind


@asynccontextmanager
async def open_runtime(settings: Settings, *, learns: bool) -> AsyncIterator[Runtime]:
    """A Runtime with its model loaded and followed.

    `learns` is for workers: they draft demonstrations, wait longer for stores, and never leave one alone. API processes
    start even when a store is down.
    """
    if settings.redis_url is None or settings.database_url is None:
        raise StartupError("LRGD_REDIS_URL and LRGD_DATABASE_URL are not set; `lrgd demo` brings its own servers")
    async with open_connections(settings, learns=learns) as connections:
        live = await _live(settings, connections, learns=learns)
        following = asyncio.create_task(follow(live, every_s=settings.refresh_s), name="follow-model")
        try:
            yield _runtime(settings, connections, live)
        finally:
            await _cancelled(following)


def _runtime(settings: Settings, to: Connections, live: LiveArtifact) -> Runtime:
    window_s = settings.attribution_window_s + IMPRESSION_GRACE_S
    return Runtime(
        settings=settings,
        memory=MemoryStore(to.redis, to.batcher, to.redis_guard, ttl_s=settings.memory_ttl_s),
        streams=Streams(to.redis, to.batcher, to.redis_guard, window_s=window_s, answer_ttl_s=settings.answer_ttl_s),
        catalogue=Catalogue(to.engine, to.database_guard),
        outcomes=Outcomes(to.engine, to.database_guard),
        fits=Fits(to.engine, to.database_guard),
        backlogs=Backlogs(to.redis, to.redis_guard),
        dead=DeadLetters(to.redis, to.redis_guard),
        health=Health(to.redis, to.engine, schema_head=schema.head()),
        live=live,
    )


async def _live(settings: Settings, to: Connections, *, learns: bool) -> LiveArtifact:
    # a guard of its own: the follower asks on its own clock, whatever the requests have met
    live = LiveArtifact(settings.artifact_folder, Catalogue(to.engine, database_guard(rest_s=0.0)), drafts=learns)
    try:
        await live.refresh()
    except Exception as error:  # noqa: BLE001 - the follower tries again, and /readyz says what is missing
        _log.warning("starting_without_a_model", error=repr(error))
    return live


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
