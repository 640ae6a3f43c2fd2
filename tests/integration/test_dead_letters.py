"""Dead letters on real stores: nothing is lost by driving them again, and there are never too many."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.errors import StartupError, StoreDown
from app.stores import dead
from app.stores.dead import DeadLetter
from app.stores.redis import DEAD, FEEDBACK
from tests.service import USER, Service, until
from workers import broker, run
from workers.entry import Entry, entry_of
from workers.run import Worker

pytestmark = pytest.mark.anyio
LETTER = DeadLetter(FEEDBACK, "scorer", "1-0", "{}", "KeyError", int(time.time()))


async def test_a_letter_driven_again_is_as_old_as_it_was(service: Service) -> None:
    """So that an erasure that came after it still holds it back."""
    await service.react(await service.recommend())
    reader = service.reader(FEEDBACK)
    (entry,) = await service.take(reader)
    await service.workers.dead.add(replace(LETTER, body=entry.body.decode(), added_ms=entry.added_ms))
    await service.workers.memory.erase(USER)
    assert await service.workers.dead.redrive() == 1
    rows: Any = await service.redis.xrange(FEEDBACK)
    again = entry_of(*rows[-1])
    assert again.entry_id > entry.entry_id
    assert again.added_ms == entry.added_ms
    await reader.handler([again])
    assert await service.workers.memory.load([USER]) == {}
    mark = (await service.workers.memory.erased_since([USER]))[USER]
    await reader.handler(
        [Entry(f"{mark + 1}-0", again.body)]
    )  # what would happen without: an entry of after the erasure
    assert list(await service.workers.memory.load([USER])) == [USER]


async def test_only_the_letters_there_are_when_asked_are_driven_again(service: Service) -> None:
    for _ in range(150):
        await service.workers.dead.add(LETTER)
    seen = 0
    async for _ in service.workers.dead.each():
        seen += 1
        await service.workers.dead.add(LETTER)  # as a worker does that gives up on it again
    assert seen == 150
    assert await service.workers.dead.redrive() == 300
    assert [each async for each in service.workers.dead.each()] == []


async def test_the_oldest_letters_give_way_in_the_end(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead, "MOST", 100)
    for _ in range(500):
        await service.workers.dead.add(LETTER)
    assert 100 <= await service.redis.xlen(DEAD) < 500


async def test_a_worker_stops_when_there_are_too_many(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "DEAD_LIMIT", 2)
    for _ in range(4):
        await service.redis.xadd(FEEDBACK, {"d": b"not json"})
    async with asyncio.timeout(30):
        with pytest.raises(StartupError, match="too many dead letters"):
            await run.work(service.settings, [Worker.SCORER])
    assert await service.redis.xlen(DEAD) == 2
    (group,) = await service.redis.xinfo_groups(FEEDBACK)
    assert group["pending"] == 4  # the batch was not acknowledged: the next worker takes it over


async def test_a_letter_remembers_when_its_entry_was_added(service: Service) -> None:
    await service.redis.xadd(FEEDBACK, {"d": b"not json", "a": b"1234"})
    reader = service.reader(FEEDBACK)
    opened = broker.open_broker(str(service.settings.redis_url))
    broker.subscribe(opened, reader, service.workers.dead, batch_size=10, claim_idle_ms=60_000)
    await opened.start()
    try:
        await until(lambda: _some(service))
    finally:
        await opened.stop()
    ((_, letter),) = [each async for each in service.workers.dead.each()]
    assert letter.added_ms == 1234


async def test_what_an_outage_outlasts_is_let_go_and_claimed_again(service: Service) -> None:
    async def down(entries: Sequence[Entry]) -> None:
        raise StoreDown("postgresql is down")

    async def claimed() -> bool:
        (entry,) = await service.redis.xpending_range(FEEDBACK, "scorer", "-", "+", 1) or [{"times_delivered": 0}]
        return int(entry["times_delivered"]) > 1

    await service.redis.xadd(FEEDBACK, {"d": b"one"})
    opened = broker.open_broker(str(service.settings.redis_url))
    reader = broker.Subscription("scorer", FEEDBACK, down)
    broker.subscribe(opened, reader, service.workers.dead, batch_size=10, claim_idle_ms=300)
    await opened.start()
    try:
        await until(claimed)
    finally:
        await opened.stop()
    assert await service.workers.dead.count() == 0


async def _some(service: Service) -> bool:
    return await service.workers.dead.count() > 0
