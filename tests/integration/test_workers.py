"""The workers on real stores: each piece of feedback counts once, whatever goes wrong."""

from __future__ import annotations

import asyncio
import time

import pytest

from app.domain.effect import effect
from app.domain.impression import Feedback, new_impression_id
from app.domain.items import EventKind
from app.stores import messages
from app.stores.dead import DeadLetter
from app.stores.redis import DEAD, FEEDBACK, OUTCOME, SERVED
from tests.service import USER, Json, Service, ids, until
from workers import run
from workers.broker import create_groups, open_broker, subscribe
from workers.run import Worker

pytestmark = pytest.mark.anyio


async def paths(service: Service, user_id: str = USER) -> Json:
    answer = await service.http.get(f"/users/{user_id}/paths")
    assert answer.status_code == 200
    found: Json = answer.json()
    return found


async def outcomes(service: Service, user_id: str = USER) -> list[Json]:
    found: list[Json] = (await service.http.get(f"/users/{user_id}/outcomes", params={"limit": 1000})).json()
    return found


async def reacted(service: Service, count: int, user_id: str = USER) -> None:
    """Feedback on the first items of one answer."""
    answer = await service.recommend(user_id, limit=count)
    for place in range(count):
        await service.react(answer, place=place, event="click")


async def test_every_path_and_the_control_are_replayed(service: Service) -> None:
    await service.recommend()
    await service.drain()
    answer = await service.recommend()
    await service.react(answer, place=1)
    await service.drain()
    outcome = next(each for each in await outcomes(service) if each["event"] == "purchase")
    ((effects, control),) = await service.rows("SELECT effects, control_effect FROM outcomes WHERE event = 'purchase'")
    assert [each["path"] for each in effects] == [0, 1, 2]
    for each in effects:
        assert each["gain"] == pytest.approx(each["effect"] - control, abs=1e-6)
    served = effects[answer["path"]]
    assert outcome["effect"] == pytest.approx(served["effect"], abs=1e-6) == pytest.approx(effect(2), abs=1e-6)
    assert outcome["gain"] == pytest.approx(served["gain"], abs=1e-6)
    assert (outcome["path"], outcome["position"], outcome["served_by"]) == (answer["path"], 2, "dual")


async def test_statistics_move_with_every_effect(service: Service) -> None:
    await reacted(service, 4)
    await service.drain()
    view = await paths(service)
    for path in view["paths"]:
        assert (path["rounds"], path["state"]) == (4, "active")
        assert path["effect"]["low"] <= path["effect"]["mean"] <= path["effect"]["high"]


async def test_what_was_taken_is_not_recommended_again(service: Service) -> None:
    await service.recommend()
    await service.drain()
    answer = await service.recommend(limit=3)
    await service.react(answer, place=0)
    await service.react(answer, place=1, event="dislike")
    await service.react(answer, place=2, event="skip")
    await service.drain()
    after = ids(await service.recommend(limit=100))
    assert not {ids(answer)[0], ids(answer)[1]} & set(after)
    assert ids(answer)[2] in after


async def test_two_scorers_at_once_lose_and_double_nothing(service: Service) -> None:
    await service.recommend()
    await service.drain()
    users = [USER, "u0011", "u0012"]
    for user in users:
        await reacted(service, 12, user)
    reader = service.reader(FEEDBACK)
    batches = [await service.take(reader, count=4) for _ in range(9)]
    await asyncio.gather(*(reader.handler(batch) for batch in batches))
    await service.drain(Worker.RECORDER, Worker.SWEEPER)
    for user in users:
        assert len(await outcomes(service, user)) == 12
        assert [path["rounds"] for path in (await paths(service, user))["paths"]] == [12, 12, 12]
    assert await service.redis.xlen(OUTCOME) >= 36


@pytest.mark.parametrize("count", [5, 100])
async def test_a_redelivered_batch_is_counted_once(service: Service, count: int) -> None:
    """The scorer died after it saved and before it acknowledged."""
    await reacted(service, count)
    reader = service.reader(FEEDBACK)
    batch = await service.take(reader, count=count)
    await reader.handler(batch)
    before = await service.workers.memory.load([USER])
    await reader.handler(batch)
    after = await service.workers.memory.load([USER])
    assert [path.statistics for path in after[USER].paths] == [path.statistics for path in before[USER].paths]
    assert await service.redis.xlen(OUTCOME) == count + 1  # and the first drafts
    await service.drain()
    assert len(await outcomes(service)) == count


async def test_a_redelivered_impression_is_recorded_once(service: Service) -> None:
    await service.recommend()
    reader = service.reader(SERVED)
    batch = await service.take(reader)
    await reader.handler(batch)
    await reader.handler(batch)
    assert await service.rows("SELECT count(*) FROM impressions") == [(1,)]


async def test_feedback_that_overtakes_its_impression_is_one_outcome(service: Service) -> None:
    answer = await service.recommend()
    await service.react(answer)
    await service.drain(Worker.SCORER)
    outcome = service.reader(OUTCOME)
    await outcome.handler(await service.take(outcome))
    await service.drain()
    assert [each["event"] for each in await outcomes(service)] == ["purchase"]


async def test_a_poison_entry_goes_to_the_dead_letters_and_the_others_go_through(service: Service) -> None:
    first, second = await service.recommend(), await service.recommend("u0011")
    await service.drain(Worker.RECORDER)
    await service.react(first)
    await service.redis.xadd(FEEDBACK, {"d": b"not json"})
    await service.react(second)
    url = str(service.settings.redis_url)
    broker = open_broker(url)
    reader = service.reader(FEEDBACK)
    await create_groups(url, [reader])
    subscribe(broker, reader, service.workers.dead, batch_size=10, claim_idle_ms=60_000)
    await broker.start()
    try:
        await until(lambda: _settled(service))
    finally:
        await broker.stop()
    (letter,) = [letter async for _, letter in service.workers.dead.each()]
    assert (letter.stream, letter.worker, letter.body) == (FEEDBACK, "scorer", "not json")
    assert "ValidationError" in letter.error
    await service.drain()
    assert len(await outcomes(service)) == len(await outcomes(service, "u0011")) == 1


async def _settled(service: Service) -> bool:
    (group,) = await service.redis.xinfo_groups(FEEDBACK)
    return bool(await service.redis.xlen(DEAD) and group["pending"] == 0 and group["lag"] == 0)


async def test_dead_letters_can_be_driven_again(service: Service) -> None:
    answer = await service.recommend()
    await service.react(answer)
    reader = service.reader(FEEDBACK)
    (entry,) = await service.take(reader)
    await service.redis.xack(FEEDBACK, "scorer", entry.entry_id)
    letter = DeadLetter(FEEDBACK, "scorer", entry.entry_id, entry.body.decode(), "KeyError", int(time.time()))
    await service.workers.dead.add(letter)
    assert await service.workers.dead.redrive() == 1
    assert await service.workers.dead.redrive() == 0
    assert await service.redis.xlen(DEAD) == 0
    await service.drain()
    assert len(await outcomes(service)) == 1


async def test_feedback_on_an_impression_that_is_nowhere_is_an_error(service: Service) -> None:
    lost = Feedback(new_impression_id(1), USER, "a", 1, EventKind.CLICK, 1, 1)
    await service.redis.xadd(FEEDBACK, {"d": messages.pack(lost)})
    with pytest.raises(Exception, match="neither Redis nor PostgreSQL"):
        await service.drain(Worker.SCORER)


async def test_each_worker_reads_its_streams_and_nothing_is_left_unread(service: Service) -> None:
    assert {each.stream for each in service.readers} == {SERVED, FEEDBACK, OUTCOME} | {
        each.stream for each in run.subscriptions(service.workers, [Worker.SWEEPER])
    }
    assert run.subscriptions(service.workers, []) == []
    assert [each.name for each in run.chores(service.workers, list(Worker))] == ["fit", "sweep", "watch"]
