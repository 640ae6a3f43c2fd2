"""Commands of requests that run at the same time, in one round trip."""

from __future__ import annotations

import asyncio
from typing import Any

from redis.asyncio import Redis

Command = tuple[str | bytes | int, ...]


class Batcher:
    """What is asked in one turn of the event loop travels together: under load most of a command's price is the trip.

    Alone a command goes at once and by itself. A caller that gives up does not take the others' answers with it.
    """

    def __init__(self, redis: Redis, *, timeout_ms: int) -> None:
        self._redis = redis
        self._timeout_s = timeout_ms / 1000  # for a batch: a timer a reply would cost more than reading the reply
        self._waiting: list[tuple[Command, asyncio.Future[Any]]] = []
        self._sending: set[asyncio.Task[None]] = set()

    async def execute(self, *command: str | bytes | int) -> Any:  # noqa: ANN401 - as many types as Redis has replies
        """Redis's reply to one command; raises what redis-py raises."""
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Any] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._flush)
        self._waiting.append((command, reply))
        return await reply

    def _flush(self) -> None:
        batch, self._waiting = self._waiting, []
        task = asyncio.get_running_loop().create_task(self._send(batch))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, batch: list[tuple[Command, asyncio.Future[Any]]]) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                replies = await self._replies([command for command, _ in batch])
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever it is belongs to the callers
            replies = [error] * len(batch)
        for (_, waiting), reply in zip(batch, replies, strict=True):
            if waiting.done():
                continue
            if isinstance(reply, BaseException):
                waiting.set_exception(reply)
            else:
                waiting.set_result(reply)

    async def _replies(self, commands: list[Command]) -> list[Any]:
        if len(commands) == 1:  # a pipeline of one costs more than the command
            return [await self._redis.execute_command(*commands[0])]  # type: ignore[no-untyped-call]
        pipeline = self._redis.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return list(await pipeline.execute(raise_on_error=False))
