"""The demonstration memory in Redis: read in one round trip, saved by compare-and-set on its version."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from redis.asyncio import Redis

from app.domain.memory import Memory, ServingMemory
from app.stores import codec
from app.stores.batching import Batcher
from app.stores.guard import Guard
from app.stores.redis import FORGET, OUTCOME, SAVE, Call, Script, answer_key, erased_key, user_key


class Saved(IntEnum):
    """What became of a save."""

    DONE = 1
    CONFLICT = 0
    ERASED = -1


@dataclass(frozen=True, slots=True)
class Save:
    """A changed memory with the messages that become known together with it."""

    user_id: str
    memory: Memory
    caused_at_ms: int  # when the message arrived that led to this save
    messages: tuple[bytes, ...] = ()


class MemoryStore:
    """Memories of all users."""

    def __init__(self, redis: Redis, batcher: Batcher, guard: Guard, *, ttl_s: int) -> None:
        self._redis = redis
        self._batcher = batcher
        self._guard = guard
        self._ttl_s = ttl_s
        self._save = Script(redis, SAVE)
        self._forget = Script(redis, FORGET)

    async def serving(self, user_id: str, *, answer: str | None = None) -> tuple[ServingMemory | None, bytes | None]:
        """What a request needs of a memory, and the stored answer to its Idempotency-Key; one round trip."""
        stored: bytes | None = None
        async with self._guard:
            memory = self._batcher.execute("HMGET", user_key(user_id), "v", "h", "p")
            if answer is None:
                version, history, paths = await memory
            else:
                kept = self._batcher.execute("GET", answer_key(answer))
                (version, history, paths), stored = await asyncio.gather(memory, kept)
        if version is None or history is None or paths is None:
            return None, stored
        return codec.decode_serving(int(version), history, paths), stored

    async def load(self, user_ids: Sequence[str]) -> dict[str, Memory]:
        """The whole memories of those of these users that have one; one round trip."""
        pipeline = self._redis.pipeline(transaction=False)
        for user_id in user_ids:
            pipeline.hmget(user_key(user_id), ("v", "h", "p", "a"))
        async with self._guard:
            found = zip(user_ids, await pipeline.execute(), strict=True)
        return {user: codec.decode(int(v), h, p, a) for user, (v, h, p, a) in found if v is not None}

    async def save(self, saves: Sequence[Save]) -> list[Saved]:
        """Saves each memory whose stored version is still the one it was read at; one round trip."""
        calls = [self._call(each) for each in saves]
        async with self._guard:
            return [Saved(result) for result in await self._save.calls(calls)]

    def _call(self, save: Save) -> Call:
        fields = codec.encode(save.memory)
        keys = (user_key(save.user_id), erased_key(save.user_id), OUTCOME)
        return keys, (save.memory.version, *fields, self._ttl_s, save.caused_at_ms, *save.messages)

    async def erase(self, user_id: str, *, now_ms: int | None = None) -> None:
        """Forgets a user, and refuses what older messages would write; now is by the clock of Redis, as theirs."""
        moment: tuple[int, ...] = () if now_ms is None else (now_ms,)
        async with self._guard:
            await self._forget.calls([((user_key(user_id), erased_key(user_id)), moment)])

    async def erased_since(self, user_ids: Sequence[str]) -> dict[str, int]:
        """When each of these users was erased (ms), for those that were."""
        async with self._guard:
            marks = await self._redis.mget([erased_key(user_id) for user_id in user_ids])
        return {user: int(mark) for user, mark in zip(user_ids, marks, strict=True) if mark is not None}
