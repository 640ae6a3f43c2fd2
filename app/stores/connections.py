"""One process's connections to Redis and PostgreSQL, with their guards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from app.settings import Settings
from app.stores.batching import Batcher
from app.stores.database import database_guard, open_engine
from app.stores.guard import Guard
from app.stores.redis import open_redis, redis_guard

LEARNER_TIMEOUT_MS = 10_000  # workers wait longer for a store than requests do
STORE_REST_S = 1.0  # how long requests leave a failing store alone


@dataclass(frozen=True, slots=True)
class Connections:
    """Clients and guards; one guard a server, so that one failure spares every caller the wait."""

    redis: Redis
    batcher: Batcher
    engine: AsyncEngine
    redis_guard: Guard
    database_guard: Guard


@asynccontextmanager
async def open_connections(settings: Settings, *, learns: bool) -> AsyncIterator[Connections]:
    """Connections that are made when first used, and closed with the block."""
    timeout_ms = LEARNER_TIMEOUT_MS if learns else settings.redis_timeout_ms
    rest_s = 0.0 if learns else STORE_REST_S
    async with AsyncExitStack() as stack:
        redis = open_redis(str(settings.redis_url), timeout_ms=timeout_ms)
        stack.push_async_callback(redis.aclose)
        untimed = open_redis(str(settings.redis_url), timeout_ms=timeout_ms, timed=False)
        stack.push_async_callback(untimed.aclose)
        engine = open_engine(str(settings.database_url), pool_size=settings.database_pool)
        stack.push_async_callback(engine.dispose)
        yield Connections(
            redis=redis,
            batcher=Batcher(untimed, timeout_ms=timeout_ms),
            engine=engine,
            redis_guard=redis_guard(rest_s=rest_s),
            database_guard=database_guard(rest_s=rest_s),
        )
