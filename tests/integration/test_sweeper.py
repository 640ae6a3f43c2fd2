"""Housekeeping on real stores: memories built again, impressions closed, streams trimmed, users erased."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from app.stores.redis import FEEDBACK, SERVED, user_key
from tests.service import USER, Json, Service, ids
from workers import sweeper
from workers.run import Worker

pytestmark = pytest.mark.anyio


async def outcomes(service: Service, user_id: str = USER) -> list[Json]:
    found: list[Json] = (await service.http.get(f"/users/{user_id}/outcomes", params={"limit": 1000})).json()
    return found


async def reacted(service: Service, count: int, user_id: str = USER) -> None:
    """Feedback on the first items of one answer."""
    answer = await service.recommend(user_id, limit=count)
    for place in range(count):
        await service.react(answer, place=place, event="click")


async def test_a_lost_memory_is_built_again(service: Service) -> None:
    await reacted(service, 3)
    await service.drain()
    before = (await service.workers.memory.load([USER]))[USER]
    await service.redis.delete(user_key(USER))
    answer = await service.recommend(limit=100)
    assert answer["degraded"] is False
    await service.drain()
    after = (await service.workers.memory.load([USER]))[USER]
    assert after.history.events.tolist() == before.history.events.tolist()
    assert len(after.paths) == 3


async def test_building_a_memory_keeps_what_it_has_learned(service: Service) -> None:
    await reacted(service, 3)
    await service.drain()
    before = (await service.workers.memory.load([USER]))[USER]
    await service.workers.streams.rebuild([USER, USER])
    await service.drain()
    after = (await service.workers.memory.load([USER]))[USER]
    assert [path.statistics for path in after.paths] == [path.statistics for path in before.paths]
    assert after.applied == before.applied
    assert after.history.events.tolist() == before.history.events.tolist()


async def test_imported_events_reach_an_existing_memory(service: Service) -> None:
    await reacted(service, 1)
    await service.drain()
    item = (await service.recommend(limit=100))["items"][50]["item_id"]
    event = {"user_id": USER, "item_id": item, "event": "purchase", "occurred_at": "2026-01-31T12:00:00Z"}
    assert (await service.http.post("/events", json=[event])).status_code == 200
    await service.drain()
    assert item not in ids(await service.recommend(limit=100))


async def test_an_impression_without_feedback_is_closed_after_its_window(service: Service) -> None:
    silent, heard = await service.recommend(), await service.recommend()
    await service.react(heard)
    await service.drain()
    await sweeper.sweep(service.workers)
    assert [each["event"] for each in await outcomes(service)] == ["purchase"]
    soon = replace(service.workers, settings=service.settings.model_copy(update={"attribution_window_s": 0}))
    await sweeper.sweep(soon)
    await sweeper.sweep(soon)
    found = {each["impression_id"]: each["event"] for each in await outcomes(service)}
    assert found == {silent["impression_id"]: "none", heard["impression_id"]: "purchase"}
    await service.react(silent)
    await service.drain()
    assert sorted(each["event"] for each in await outcomes(service)) == ["purchase", "purchase"]


async def test_trimming_drops_nothing_that_is_not_handled(service: Service) -> None:
    """Delivered and not acknowledged, and not delivered at all: both stay, what was handled goes."""
    answers = [await service.recommend(user) for user in ("u0001", "u0002", "u0003")]
    await service.drain(Worker.RECORDER)
    reader = service.reader(FEEDBACK)
    await service.react(answers[0])
    await service.drain()
    await service.react(answers[1])
    (pending,) = await service.take(reader)
    await service.react(answers[2])
    future = int(time.time() * 1000) + 60_000
    await service.workers.backlogs.trim(older_than_ms=future)
    kept = [entry.entry_id for entry in await service.entries(FEEDBACK)]
    assert pending.entry_id in kept
    assert len(kept) >= 2
    await reader.handler([pending])
    await service.redis.xack(FEEDBACK, "scorer", pending.entry_id)
    await service.drain()
    assert [len(await outcomes(service, user)) for user in ("u0001", "u0002", "u0003")] == [1, 1, 1]


async def test_a_stream_that_nobody_reads_is_not_trimmed(service: Service) -> None:
    await service.redis.xgroup_destroy(SERVED, "recorder")
    await service.recommend()
    await service.workers.backlogs.trim(older_than_ms=int(time.time() * 1000) + 60_000)
    assert await service.redis.xlen(SERVED) == 1


async def test_backlogs_are_measured(service: Service) -> None:
    await service.react(await service.recommend())
    await service.take(service.reader(FEEDBACK))
    found = {each.stream: (each.lag, each.pending) for each in await service.workers.backlogs.all()}
    assert found[FEEDBACK] == (0, 1)
    assert found[SERVED] == (1, 0)
    await sweeper.watch(service.workers)


async def test_what_came_before_an_erasure_was_finished_is_forgotten(service: Service) -> None:
    """Also a memory that was built, while the erasure was under way, from what was not erased yet."""
    await service.recommend()
    await service.drain()
    await service.react(await service.recommend())
    assert (await service.http.delete(f"/users/{USER}")).status_code == 202
    await service.react(await service.recommend(limit=2), place=1, event="click")
    await service.drain(Worker.SCORER)
    await service.drain()
    assert await outcomes(service) == []
    assert await service.workers.memory.load([USER]) == {}
    assert await service.rows("SELECT count(*) FROM interactions WHERE user_id = %s", USER) == [(0,)]


async def test_what_comes_after_an_erasure_counts(service: Service) -> None:
    await reacted(service, 2)
    await service.drain()
    assert (await service.http.delete(f"/users/{USER}")).status_code == 202
    await service.drain()
    again = await service.recommend(limit=2)
    await service.react(again, place=1, event="click")
    await service.drain()
    assert [(each["impression_id"], each["event"]) for each in await outcomes(service)] == [
        (again["impression_id"], "click")
    ]
    memory = (await service.workers.memory.load([USER]))[USER]
    numbers = await service.workers.catalogue.numbers([ids(again)[1]])
    assert memory.history.events["item"].tolist() == list(numbers.values())
