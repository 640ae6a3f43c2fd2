"""What API processes tell the workers: durable before the caller hears of it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from redis.asyncio import Redis

from app.domain.impression import Feedback, Impression
from app.stores import messages
from app.stores.redis import (
    ACCEPT,
    ERASE,
    FEEDBACK,
    FIELD,
    REBUILD,
    SERVE,
    SERVED,
    answer_key,
    impression_key,
    taken_key,
)


class Accepted(IntEnum):
    """What became of one piece of feedback."""

    NEW = 1
    REPEAT = 0


class Streams:
    """Impressions and feedback on their way to the workers."""

    def __init__(self, redis: Redis, *, window_s: int, answer_ttl_s: int) -> None:
        self._redis = redis
        self._window_s = window_s
        self._answer_ttl_s = answer_ttl_s
        self._serve = redis.register_script(SERVE)
        self._accept = redis.register_script(ACCEPT)

    async def serve(self, impression: Impression, *, answer: tuple[str, bytes] | None = None) -> bytes | None:
        """Stores an impression and tells the recorder; one round trip.

        With `answer` (digest of the Idempotency-Key, body) the answer is kept too. Where a concurrent request with the
        same key was faster nothing is stored and its answer is returned.
        """
        keys = [impression_key(impression.impression_id), SERVED]
        arguments: list[str | bytes | int] = [messages.pack(impression), self._window_s]
        if answer is not None:
            keys.append(answer_key(answer[0]))
            arguments += [answer[1], self._answer_ttl_s]
        earlier: bytes | None = await self._serve(keys=keys, args=arguments)
        return earlier

    async def accept(self, feedback: Sequence[Feedback]) -> list[Accepted]:
        """Takes feedback on known impressions for good, each once; one round trip."""
        pipeline = self._redis.pipeline(transaction=False)
        for each in feedback:
            keys = (taken_key(each.impression_id), FEEDBACK)
            arguments = (each.event_id or each.key, messages.pack(each), self._window_s)
            self._accept(keys=keys, args=arguments, client=pipeline)
        return [Accepted(result) for result in await pipeline.execute()]

    async def impressions(self, impression_ids: Sequence[str]) -> dict[str, Impression]:
        """The impressions with these ids that are still in their attribution window; one round trip."""
        found = await self._redis.mget([impression_key(each) for each in impression_ids])
        return {
            impression_id: messages.unpack(Impression, body)
            for impression_id, body in zip(impression_ids, found, strict=True)
            if body is not None
        }

    async def rebuild(self, user_ids: Sequence[str]) -> None:
        """Asks the sweeper to build these users' memories."""
        pipeline = self._redis.pipeline(transaction=False)
        for user_id in user_ids:
            pipeline.xadd(REBUILD, {FIELD: messages.pack_user(user_id)})
        await pipeline.execute()

    async def erase(self, user_id: str) -> None:
        """Asks the sweeper to erase what PostgreSQL holds of a user."""
        await self._redis.xadd(ERASE, {FIELD: messages.pack_user(user_id)})
