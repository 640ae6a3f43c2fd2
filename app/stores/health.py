"""Whether the stores answer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.errors import StoreDown
from app.log import get_logger
from app.stores.guard import Result, within

PATIENCE_S = 1.0
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Check:
    """One dependency: whether it answers, and what it said."""

    name: str
    ok: bool
    detail: str


class Health:
    """Asks each store directly, past the guards: a store that is left alone may be well again."""

    def __init__(self, redis: Redis, engine: AsyncEngine, *, schema_head: str) -> None:
        self._redis = redis
        self._engine = engine
        self._schema_head = schema_head
        self._failing: set[str] = set()

    async def within(self, answer: Coroutine[Any, Any, Result], *, seconds: float) -> Result:
        """A store's answer to a request that waits so long and no longer; raises StoreDown."""
        return await within(answer, seconds)

    async def checks(self) -> list[Check]:
        """Redis and PostgreSQL, asked at the same time; what a driver says of a failure goes to the log."""
        return list(await asyncio.gather(self._redis_check(), self._postgres_check()))

    async def _redis_check(self) -> Check:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._redis.ping()
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            return self._failed("redis", error)
        return self._well("redis", "answers")

    async def _postgres_check(self) -> Check:
        try:
            revision = await within(self._revision(), PATIENCE_S)
        except ProgrammingError as error:
            return self._failed("postgres", error, detail="has no schema: run lrgd migrate")
        except (StoreDown, SQLAlchemyError, OSError) as error:
            return self._failed("postgres", error)
        if revision != self._schema_head:
            detail = f"schema is at {revision}, needs {self._schema_head}: run lrgd migrate"
            return Check("postgres", ok=False, detail=detail)
        return self._well("postgres", f"schema {revision}")

    async def _revision(self) -> str | None:
        async with self._engine.connect() as connection:
            revision: str | None = await connection.scalar(text("SELECT version_num FROM alembic_version"))
            return revision

    def _well(self, name: str, detail: str) -> Check:
        self._failing.discard(name)
        return Check(name, ok=True, detail=detail)

    def _failed(self, name: str, error: Exception, *, detail: str = "does not answer; the log has more") -> Check:
        if name not in self._failing:  # once an outage, however often it is asked
            _log.warning("check_failed", store=name, error=repr(error))
            self._failing.add(name)
        return Check(name, ok=False, detail=detail)
