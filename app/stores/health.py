"""Whether the stores answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

PATIENCE_S = 1.0


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

    async def checks(self) -> list[Check]:
        """Redis and PostgreSQL, asked at the same time."""
        return list(await asyncio.gather(self._redis_check(), self._postgres_check()))

    async def _redis_check(self) -> Check:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._redis.ping()
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            return Check("redis", ok=False, detail=repr(error))
        return Check("redis", ok=True, detail="answers")

    async def _postgres_check(self) -> Check:
        try:
            async with asyncio.timeout(PATIENCE_S), self._engine.connect() as connection:
                revision = await connection.scalar(text("SELECT version_num FROM alembic_version"))
        except (SQLAlchemyError, OSError) as error:
            return Check("postgres", ok=False, detail=repr(error))
        if revision != self._schema_head:
            return Check(
                "postgres", ok=False, detail=f"schema is at {revision}, needs {self._schema_head}: run lrgd migrate"
            )
        return Check("postgres", ok=True, detail=f"schema {revision}")
