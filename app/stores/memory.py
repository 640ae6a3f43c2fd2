"""The demonstration memory in Redis: read in one round trip, saved by compare-and-set on its version."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from app import metrics
from app.domain.memory import Memory, ServingMemory
from app.errors import MemoryUnreadable, StoreDown
from app.log import get_logger
from app.stores import codec
from app.stores.batching import Batcher
from app.stores.guard import Guard
from app.stores.redis import DISCARD, FORGET, OUTCOME, SAVE, Call, Script, answer_key, erased_key, user_key

_log = get_logger(__name__)
_UNDECODABLE = (ValueError, TypeError, IndexError, struct.error, zlib.error)


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
        self._discard = Script(redis, DISCARD)
        self._unreadable_kinds: set[str] = set()

    async def serving(self, user_id: str, *, answer: str | None = None) -> tuple[ServingMemory | None, bytes | None]:
        """What a request needs of a memory, and the stored answer to its Idempotency-Key; one round trip.

        Raises MemoryUnreadable; an answer from before the user's erasure counts as none.
        """
        stored: bytes | None = None
        try:
            async with self._guard:
                memory = self._batcher.execute("HMGET", user_key(user_id), "v", "h", "p")
                if answer is None:
                    version, history, paths = await memory
                else:
                    kept = self._batcher.execute("GET", answer_key(answer))
                    mark = self._batcher.execute("GET", erased_key(user_id))
                    fields, found, erased = await asyncio.gather(memory, kept, mark)
                    version, history, paths = fields
                    stored = _answer_after(found, erased)
            if version is None:
                return None, stored
            return codec.decode_serving(int(version), history, paths), stored
        except _UNDECODABLE as error:
            raise self._unreadable(error) from error
        except StoreDown as error:
            if _is_no_hash(error.__cause__):
                raise self._unreadable(error.__cause__) from error
            raise

    async def load(self, user_ids: Sequence[str]) -> dict[str, Memory]:
        """The whole memories of those of these users that have one; one round trip.

        One that cannot be decoded is taken away, so that the next save can put another in its place.
        """
        pipeline = self._redis.pipeline(transaction=False)
        for user_id in user_ids:
            pipeline.hmget(user_key(user_id), ("v", "h", "p", "a"))
        async with self._guard:
            found = await pipeline.execute(raise_on_error=False)
            broken = [each for each in found if isinstance(each, Exception) and not _is_no_hash(each)]
            if broken:
                raise broken[0]
        memories: dict[str, Memory] = {}
        discards: list[Call] = []
        for user_id, row in zip(user_ids, found, strict=True):
            try:
                if (memory := _decoded(row)) is not None:
                    memories[user_id] = memory
            except (ResponseError, *_UNDECODABLE) as error:
                self._unreadable(error)
                discards.append(((user_key(user_id),), (b"" if isinstance(row, Exception) else row[0],)))
        if discards:
            async with self._guard:
                await self._discard.calls(discards)
        return memories

    def _unreadable(self, error: BaseException | None) -> MemoryUnreadable:
        """Counts it, and logs the first of each kind."""
        metrics.MEMORY_UNREADABLE.inc()
        if (kind := type(error).__name__) not in self._unreadable_kinds:
            self._unreadable_kinds.add(kind)
            _log.warning("memory_unreadable", error=repr(error))
        return MemoryUnreadable("the memory of this user cannot be read")

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


def _decoded(row: Any) -> Memory | None:  # noqa: ANN401 - a reply, or the error in its place
    if isinstance(row, Exception):
        raise row
    version, history, paths, tail = row
    return None if version is None else codec.decode(int(version), history, paths, tail)


def _is_no_hash(error: BaseException | None) -> bool:
    return isinstance(error, ResponseError) and "WRONGTYPE" in str(error)


def _answer_after(kept: bytes | None, erased: bytes | None) -> bytes | None:
    """The stored answer without its moment, None where the user was erased after it was given."""
    if kept is None:
        return None
    given_at, _, answer = kept.partition(b"\n")
    if not given_at.isdigit() or (erased is not None and int(erased) >= int(given_at)):
        return None
    return answer
