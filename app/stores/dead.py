"""Dead letters: stream entries that a worker gave up on, kept until somebody redrives or drops them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import cast

from redis.asyncio import Redis

from app.stores import messages
from app.stores.guard import Guard
from app.stores.redis import DEAD, FIELD, Script

ADDED = "a"  # the second field of an entry that was driven again: when it was added at first, ms
MOST = 50_000  # letters kept, about: the oldest give way long after the workers have stopped for there being so many

# Puts a dead letter's body back on its stream, with the moment it was added at first where that is known, and removes
# the letter: both or neither, and once.
REDRIVE = """
if redis.call('XDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
if ARGV[3] then
  redis.call('XADD', KEYS[2], '*', 'd', ARGV[2], 'a', ARGV[3])
else
  redis.call('XADD', KEYS[2], '*', 'd', ARGV[2])
end
return 1
"""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What was given up on, by whom and why."""

    stream: str
    worker: str
    entry_id: str
    body: str
    error: str
    died_at: int  # seconds since the epoch
    added_ms: int | None = None  # when the entry was added at first; letters of older versions do not say


class DeadLetters:
    """All dead letters, oldest first."""

    def __init__(self, redis: Redis, guard: Guard) -> None:
        self._redis = redis
        self._guard = guard
        self._redrive = Script(redis, REDRIVE)

    async def add(self, letter: DeadLetter) -> None:
        """Keeps a letter."""
        async with self._guard:
            await self._redis.xadd(DEAD, {FIELD: messages.pack(letter)}, maxlen=MOST, approximate=True)

    async def count(self) -> int:
        """How many letters there are."""
        async with self._guard:
            return int(await self._redis.xlen(DEAD))

    async def each(self) -> AsyncIterator[tuple[str, DeadLetter]]:
        """(id, letter) of every letter there is when asked."""
        async with self._guard:
            newest = cast("list[tuple[bytes, object]]", await self._redis.xrevrange(DEAD, count=1))
        if not newest:
            return
        last, end = "-", newest[0][0].decode()
        while True:
            async with self._guard:
                page = cast(
                    "list[tuple[bytes, dict[bytes, bytes]]]",
                    await self._redis.xrange(DEAD, min=last, max=end, count=100),
                )
            for entry_id, fields in page:
                yield entry_id.decode(), messages.unpack(DeadLetter, fields[FIELD.encode()])
            if len(page) < 100:
                return
            last = f"({page[-1][0].decode()}"

    async def redrive(self) -> int:
        """Puts every letter there is when asked back on the stream it came from; how many."""
        driven = 0
        async for letter_id, letter in self.each():
            first = () if letter.added_ms is None else (letter.added_ms,)
            async with self._guard:
                (done,) = await self._redrive.calls([((DEAD, letter.stream), (letter_id, letter.body, *first))])
            driven += int(done)
        return driven
