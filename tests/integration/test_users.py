"""What is told of a user, and what is left after they were erased."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import pytest
from redis.asyncio import Redis

from app.stores.redis import DEAD, REBUILD, erased_key, user_key
from tests.service import USER, Service, until
from workers.run import Worker

pytestmark = pytest.mark.anyio

Harm = Callable[[Redis], Awaitable[Any]]
OF_A_USER = ("interactions", "impressions", "outcomes", "demonstrations", "path_rounds", "collapses")


async def told(service: Service, what: str, user_id: str = USER, **params: int) -> Any:  # noqa: ANN401 - JSON of several shapes
    answer = await service.http.get(f"/users/{user_id}/{what}", params=params)
    assert answer.status_code == 200
    return answer.json()


async def lived(service: Service, user_id: str = USER) -> None:
    """A user with a memory, impressions and outcomes."""
    await service.recommend(user_id)
    await service.drain()
    answer = await service.recommend(user_id)
    for place in range(3):
        await service.react(answer, place=place, event="click")
    await service.drain()


async def left(service: Service, user_id: str = USER) -> dict[str, int]:
    """How many rows of each table are about a user; tables without any are left out."""
    counts = {
        table: (await service.rows(f"SELECT count(*) FROM {table} WHERE user_id = %s", user_id))[0][0]
        for table in OF_A_USER
    }
    return {table: count for table, count in counts.items() if count}


async def test_paths_are_built_when_first_asked_for(service: Service) -> None:
    building = await told(service, "paths")
    assert (building["building"], building["paths"]) == (True, [])
    await service.drain()
    view = await told(service, "paths")
    assert (view["building"], view["version"], view["user_id"]) == (False, 1, USER)
    assert [path["perspective"] for path in view["paths"]] == ["own", "successors", "neighbours"]
    for index, path in enumerate(view["paths"]):
        assert (path["path"], path["state"], path["version"], path["rounds"]) == (index, "drafted", 1, 0)
        assert path["effect"] == path["gain"] == {"mean": None, "low": None, "high": None}
        assert path["lines"]
        assert len(path["lines"]) <= 8 <= path["line_count"] <= 32 or path["line_count"] == len(path["lines"])


async def test_rounds_are_the_lineage_of_the_demonstrations(service: Service) -> None:
    await lived(service)
    view = await told(service, "paths")
    rounds = await told(service, "rounds")
    assert sorted(turn["path"] for turn in rounds) == [0, 1, 2]
    shown = {path["demonstration_id"]: path["lines"] for path in view["paths"]}
    for turn in rounds:
        assert (turn["round"], turn["reason"], turn["accepted"], turn["version"]) == (0, "first_draft", True, 1)
        assert shown[turn["demonstration_id"]] == turn["lines"]
    assert len(await told(service, "rounds", limit=1)) == 1


async def test_outcomes_are_told_newest_first(service: Service) -> None:
    await lived(service)
    answer = await service.recommend()
    await service.react(answer, occurred_at="2026-01-01T00:00:00Z")
    await service.drain()
    outcomes = await told(service, "outcomes")
    moments = [datetime.fromisoformat(each["at"]) for each in outcomes]
    assert moments == sorted(moments, reverse=True)
    assert len(outcomes) == 4
    assert outcomes[-1]["impression_id"] == answer["impression_id"]
    assert await told(service, "outcomes", limit=2) == outcomes[:2]


@pytest.mark.parametrize("what", ["rounds", "outcomes"])
async def test_a_stranger_has_no_past(service: Service, what: str) -> None:
    assert await told(service, what, "never seen before") == []


async def test_a_stranger_has_no_paths(service: Service) -> None:
    answer = await service.http.get("/users/never-seen-before/paths")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_user")
    assert await service.redis.xlen(REBUILD) == 0


@pytest.mark.parametrize("user_id", ["u" * 129, "a%00b", "a%0Ab"])
async def test_ids_that_cannot_be_are_refused(service: Service, user_id: str) -> None:
    for what in ("paths", "rounds", "outcomes"):
        assert (await service.http.get(f"/users/{user_id}/{what}")).status_code == 422


@pytest.mark.parametrize("limit", [0, 1001])
async def test_limits_have_limits(service: Service, limit: int) -> None:
    assert (await service.http.get(f"/users/{USER}/outcomes", params={"limit": limit})).status_code == 422


async def test_users_whose_ids_are_odd_are_users(service: Service) -> None:
    for user_id in ("ü ö/ä".replace("/", "-"), "100%", "a:b|c", "🙂", str(uuid.UUID(int=7))):
        answer = await service.recommend(user_id)
        await service.react(answer)
        await service.drain()
        quoted = user_id.replace("%", "%25")
        assert len(await told(service, "outcomes", quoted)) == 1
        assert (await told(service, "paths", quoted))["user_id"] == user_id


async def test_an_erased_user_is_a_stranger(service: Service) -> None:
    await lived(service)
    await lived(service, "u0011")
    assert set(await left(service)) == {"interactions", "impressions", "outcomes", "demonstrations", "path_rounds"}
    answer = await service.http.delete(f"/users/{USER}")
    assert (answer.status_code, answer.json()) == (202, {"user_id": USER, "status": "accepted"})
    assert not await service.redis.exists(user_key(USER))
    await service.drain()
    assert await left(service) == {}
    assert (await service.http.get(f"/users/{USER}/paths")).status_code == 404
    assert await told(service, "outcomes") == []
    assert (await told(service, "paths", "u0011"))["version"] > 0
    assert (await service.recommend())["path"] is None


async def test_what_waits_in_the_streams_does_not_come_back(service: Service) -> None:
    """Impressions, feedback, outcomes and rebuilds of a user were on their way when they were erased."""
    await lived(service)
    answer = await service.recommend()
    await service.react(answer)
    await service.drain(Worker.SCORER)
    await service.react(answer, place=1)
    await service.workers.streams.rebuild([USER])
    assert (await service.http.delete(f"/users/{USER}")).status_code == 202
    await service.drain(Worker.SWEEPER)
    await service.drain()
    assert await left(service) == {}
    assert not await service.redis.exists(user_key(USER))
    assert await service.redis.xlen(DEAD) == 0


async def test_erasing_twice_and_erasing_a_stranger_is_fine(service: Service) -> None:
    await lived(service)
    for user_id in (USER, USER, "never seen before"):
        assert (await service.http.delete(f"/users/{user_id}")).status_code == 202
    await service.drain()
    assert await left(service) == {}
    assert (await service.redis.ttl(erased_key(USER))) > 0


async def test_after_an_erasure_nothing_is_shown_of_the_past(service: Service) -> None:
    await lived(service)
    before = await service.recommend()
    await service.http.delete(f"/users/{USER}")
    await service.drain()
    after = await service.recommend()
    stranger = await service.recommend("never seen before")
    assert [item["item_id"] for item in after["items"]] == [item["item_id"] for item in stranger["items"]]
    assert before["demonstration"] is not None
    assert after["demonstration"] is None


async def test_nobody_is_built_from_nothing(service: Service) -> None:
    await service.workers.streams.rebuild(["never seen before"])
    await service.drain()
    await until(lambda: _nothing_waits(service))


async def _nothing_waits(service: Service) -> bool:
    return all(each.lag == each.pending == 0 for each in await service.workers.backlogs.all())


async def test_after_an_erasure_neither_answers_nor_impressions_are_known(service: Service) -> None:
    key = {"Idempotency-Key": "k1"}
    before = await service.recommend(headers=key)
    assert await service.recommend(headers=key) == before
    await service.http.delete(f"/users/{USER}")
    body = {"impression_id": before["impression_id"], "item_id": before["items"][0]["item_id"], "event": "click"}
    refused = await service.http.post("/feedback", json=body)
    assert (refused.status_code, refused.json()["code"]) == (404, "unknown_impression")
    await asyncio.sleep(0.01)  # the next impression is of a later millisecond
    after = await service.recommend(headers=key)
    assert after["impression_id"] != before["impression_id"]
    assert await service.recommend(headers=key) == after
    assert not (await service.react(after))["duplicate"]


@pytest.mark.parametrize(
    "harm",
    [
        lambda redis: redis.hset(user_key(USER), "p", b"\xff\x01"),
        lambda redis: redis.hset(user_key(USER), mapping={"p": b"", "a": b"x"}),
        lambda redis: redis.hset(user_key(USER), "h", b"odd"),
        lambda redis: redis.hdel(user_key(USER), "p", "a"),
        lambda redis: redis.hset(user_key(USER), "v", "x"),
    ],
)
async def test_a_memory_that_cannot_be_read_is_built_anew(service: Service, harm: Harm) -> None:
    await lived(service)
    await harm(service.redis)
    await healed(service)


async def test_a_key_that_holds_something_else_is_built_anew(service: Service) -> None:
    await lived(service)
    await service.redis.set(user_key(USER), "no hash")
    await healed(service)


async def healed(service: Service) -> None:
    """One user misses their memory for one request; nobody else misses anything."""
    answer = await service.recommend()
    assert answer["degraded_reasons"] == ["memory_unavailable"]
    assert len(answer["items"]) == 10
    assert not (await service.recommend("u0011"))["degraded"]
    assert not (await service.react(answer))["duplicate"]
    await service.drain()
    after = await service.recommend()
    assert (after["degraded"], after["path"] is not None) == (False, True)
    assert (await service.http.get(f"/users/{USER}/paths")).json()["building"] is False
    assert await service.redis.xlen(DEAD) == 0


async def test_ids_with_slashes_are_ids(service: Service) -> None:
    for user_id in ("a/b", "a/paths", "/"):
        await service.react(await service.recommend(user_id))
        await service.drain()
        for quoted in (user_id, user_id.replace("/", "%2F")):
            assert len(await told(service, "outcomes", quoted)) == 1
            assert (await told(service, "paths", quoted))["user_id"] == user_id
        assert (await service.http.delete(f"/users/{user_id.replace('/', '%2F')}")).json()["user_id"] == user_id
    item = {"item_id": "x/y", "title": "X"}
    assert (await service.http.put("/items", json=[item])).status_code == 200
    assert (await service.http.delete("/items/x%2Fy")).status_code == 204
