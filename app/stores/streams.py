"""What API processes tell the workers: durable before the caller hears of it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import cast

from redis.asyncio import Redis

from app.domain.impression import Feedback, Impression, served_at_of
from app.stores import messages
from app.stores.batching import Batcher
from app.stores.guard import Guard
from app.stores.redis import (
    ACCEPT,
    ERASE,
    FEEDBACK,
    FIELD,
    REBUILD,
    SERVE,
    SERVED,
    Argument,
    Call,
    Script,
    answer_key,
    erased_key,
    impression_key,
    taken_key,
)


class Accepted(IntEnum):
    """What became of one piece of feedback."""

    NEW = 1
    REPEAT = 0
    ERASED = -1


class Streams:
    """Impressions and feedback on their way to the workers."""

    def __init__(self, redis: Redis, batcher: Batcher, guard: Guard, *, window_s: int, answer_ttl_s: int) -> None:
        self._redis = redis
        self._batcher = batcher
        self._guard = guard
        self._window_s = window_s
        self._answer_ttl_s = answer_ttl_s
        self._serve = Script(redis, SERVE)
        self._accept = Script(redis, ACCEPT)

    async def serve(self, impression: Impression, *, answer: tuple[str, bytes] | None = None) -> bytes | None:
        """Stores an impression and tells the recorder; one round trip.

        With `answer` (digest of the Idempotency-Key, body) the answer is kept too. Where a concurrent request with the
        same key was faster nothing is stored and its answer is returned.
        """
        keys = [impression_key(impression.impression_id), SERVED]
        arguments: list[Argument] = [messages.pack(impression), self._window_s]
        if answer is not None:
            keys += [answer_key(answer[0]), erased_key(impression.user_id)]
            arguments += [b"%d\n%b" % (impression.served_at_ms, answer[1]), self._answer_ttl_s]
        async with self._guard:
            earlier: bytes | None = await self._serve.batched(self._batcher, (keys, arguments))
        return earlier

    async def accept(self, feedback: Sequence[Feedback]) -> list[Accepted]:
        """Takes feedback on known impressions for good, each once; one round trip."""
        calls = [self._acceptance(each) for each in feedback]
        if not calls:
            return []
        async with self._guard:
            return [Accepted(result) for result in await self._accept.calls(calls)]

    def _acceptance(self, feedback: Feedback) -> Call:
        keys = (taken_key(feedback.impression_id), FEEDBACK, erased_key(feedback.user_id))
        served_at_ms = served_at_of(feedback.impression_id)
        arguments: list[Argument] = [feedback.key, messages.pack(feedback), self._window_s, served_at_ms]
        if feedback.event_id is not None:  # ids hold no control characters, and keys begin with a UUID
            arguments.append(f"e:{feedback.event_id}\0{feedback.item_id}")
        return keys, arguments

    async def impressions(self, impression_ids: Sequence[str]) -> dict[str, Impression]:
        """The impressions with these ids that are still in their attribution window; one round trip."""
        async with self._guard:
            found = await self._redis.mget([impression_key(each) for each in impression_ids])
        return {
            impression_id: messages.unpack(Impression, cast("bytes", body))
            for impression_id, body in zip(impression_ids, found, strict=True)
            if body is not None
        }

    async def rebuild(self, user_ids: Sequence[str]) -> None:
        """Asks the sweeper to build these users' memories."""
        pipeline = self._redis.pipeline(transaction=False)
        for user_id in user_ids:
            pipeline.xadd(REBUILD, {FIELD: messages.pack_user(user_id)})
        async with self._guard:
            await pipeline.execute()

    async def erase(self, user_id: str) -> None:
        """Asks the sweeper to erase what PostgreSQL holds of a user."""
        async with self._guard:
            await self._redis.xadd(ERASE, {FIELD: messages.pack_user(user_id)})
