"""Consumer groups: what a dead worker left is taken over, an outage is waited for, stopping loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from app.errors import StoreDown
from app.stores.backlog import Backlogs
from app.stores.dead import DeadLetters
from app.stores.redis import FEEDBACK, redis_guard
from tests.service import until
from workers.broker import Handler, Subscription, create_groups, open_broker, subscribe
from workers.entry import Entry

pytestmark = pytest.mark.anyio


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of the test's own."""
    async with Redis.from_url(redis_url) as client:
        yield client


@asynccontextmanager
async def working(redis: Redis, url: str, handler: Handler, *, claim_idle_ms: int = 60_000) -> AsyncIterator[None]:
    """A worker with this handler, stopped in order at the end."""
    subscription = Subscription("scorer", FEEDBACK, handler)
    await create_groups(url, [subscription])
    broker = open_broker(url)
    subscribe(
        broker, subscription, DeadLetters(redis, redis_guard(rest_s=0)), batch_size=10, claim_idle_ms=claim_idle_ms
    )
    await broker.start()
    try:
        yield
    finally:
        await broker.stop()


async def left(redis: Redis) -> tuple[int, int, int]:
    """Entries not delivered, not acknowledged, given up on."""
    guard = redis_guard(rest_s=0)
    (backlog,) = await Backlogs(redis, guard).all()
    return backlog.lag, backlog.pending, await DeadLetters(redis, guard).count()


async def add(redis: Redis, count: int) -> None:
    for number in range(count):
        await redis.xadd(FEEDBACK, {"d": b"%d" % number})


async def test_what_was_added_before_there_was_a_worker_is_handled(redis: Redis, redis_url: str) -> None:
    seen: list[bytes] = []

    async def handler(entries: Sequence[Entry]) -> None:
        seen.extend(entry.body for entry in entries)

    await add(redis, 25)

    async def done() -> bool:
        return await left(redis) == (0, 0, 0)

    async with working(redis, redis_url, handler):
        await until(done)
    assert seen == [b"%d" % number for number in range(25)]


async def test_what_a_dead_worker_left_is_taken_over(redis: Redis, redis_url: str) -> None:
    seen: list[bytes] = []

    async def handler(entries: Sequence[Entry]) -> None:
        seen.extend(entry.body for entry in entries)

    await create_groups(redis_url, [Subscription("scorer", FEEDBACK, handler)])
    await add(redis, 3)
    await redis.xreadgroup("scorer", "dead", {FEEDBACK: ">"}, count=3)
    assert await left(redis) == (0, 3, 0)

    async def done() -> bool:
        return await left(redis) == (0, 0, 0)

    async with working(redis, redis_url, handler, claim_idle_ms=100):
        await until(done)
    assert sorted(seen) == [b"0", b"1", b"2"]


async def test_an_outage_is_waited_for_and_nothing_is_given_up(redis: Redis, redis_url: str) -> None:
    calls: list[int] = []
    seen: set[bytes] = set()

    async def handler(entries: Sequence[Entry]) -> None:
        calls.append(len(entries))
        if len(calls) < 4:
            raise StoreDown("postgresql is down: for a moment")
        seen.update(entry.body for entry in entries)

    await add(redis, 5)

    async def done() -> bool:
        return await left(redis) == (0, 0, 0)

    async with working(redis, redis_url, handler):
        await until(done)
    assert seen == {b"%d" % number for number in range(5)}


async def test_one_bad_entry_holds_up_nobody(redis: Redis, redis_url: str) -> None:
    seen: set[bytes] = set()

    async def handler(entries: Sequence[Entry]) -> None:
        if any(entry.body == b"2" for entry in entries):
            raise ValueError("cannot be read")
        seen.update(entry.body for entry in entries)

    await add(redis, 5)

    async def done() -> bool:
        return await left(redis) == (0, 0, 1)

    async with working(redis, redis_url, handler):
        await until(done)
    assert seen == {b"0", b"1", b"3", b"4"}
    (letter,) = [letter async for _, letter in DeadLetters(redis, redis_guard(rest_s=0)).each()]
    assert (letter.body, letter.stream) == ("2", FEEDBACK)
    assert "cannot be read" in letter.error


async def test_a_batch_under_way_is_finished_before_the_worker_stops(redis: Redis, redis_url: str) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    finished: list[int] = []

    async def handler(entries: Sequence[Entry]) -> None:
        begun.set()
        await go_on.wait()
        finished.append(len(entries))

    await add(redis, 4)
    async with working(redis, redis_url, handler):
        await begun.wait()
        asyncio.get_running_loop().call_later(0.1, go_on.set)
    assert finished
    assert (await left(redis))[1:] == (0, 0)
