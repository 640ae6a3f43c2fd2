"""How far the workers are behind, and the trimming of what they have handled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from app.stores.guard import Guard
from app.stores.redis import ERASE, FEEDBACK, OUTCOME, REBUILD, SERVED

STREAMS = (SERVED, FEEDBACK, OUTCOME, REBUILD, ERASE)


@dataclass(frozen=True, slots=True)
class Backlog:
    """Entries of one stream that its workers have not been given (`lag`), or not acknowledged (`pending`)."""

    stream: str
    lag: int
    pending: int


class Backlogs:
    """The backlog of every stream."""

    def __init__(self, redis: Redis, guard: Guard) -> None:
        self._redis = redis
        self._guard = guard

    async def all(self) -> list[Backlog]:
        """Every stream's backlog; streams that nobody has written to yet are left out."""
        return [
            Backlog(stream, lag=max((int(group["lag"] or 0) for group in groups), default=0), pending=_pending(groups))
            for stream, groups in [(stream, await self._groups(stream)) for stream in STREAMS]
            if groups
        ]

    async def trim(self, *, older_than_ms: int) -> None:
        """Drops entries that every group has acknowledged and that are older than this moment."""
        for stream in STREAMS:
            groups = await self._groups(stream)
            if not groups:
                continue  # nobody has read it yet: nothing is handled
            bounds = [await self._first_unhandled(stream, group) for group in groups]
            bound = min([*bounds, (older_than_ms, 0)])
            async with self._guard:
                await self._redis.xtrim(stream, minid=f"{bound[0]}-{bound[1]}", approximate=True)

    async def _groups(self, stream: str) -> list[dict[str, Any]]:
        async with self._guard:
            if not await self._redis.exists(stream):
                return []
            groups: list[dict[str, Any]] = await self._redis.xinfo_groups(stream)
        return groups

    async def _first_unhandled(self, stream: str, group: dict[str, Any]) -> tuple[int, int]:
        if not group["pending"]:
            return _parsed(group["last-delivered-id"])
        async with self._guard:
            summary = await self._redis.xpending(stream, group["name"])
        return _parsed(summary["min"] or group["last-delivered-id"])


def _pending(groups: list[dict[str, Any]]) -> int:
    return sum(int(group["pending"]) for group in groups)


def _parsed(entry_id: bytes) -> tuple[int, int]:
    milliseconds, _, sequence = entry_id.decode().partition("-")
    return int(milliseconds), int(sequence or 0)
