"""POST /recommend on real stores."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from app.domain.impression import served_at_of
from app.stores.redis import REBUILD
from tests.service import USER, Service, ids

pytestmark = pytest.mark.anyio


async def remembered(service: Service, user_id: str = USER) -> None:
    """Builds the memory of a user."""
    await service.recommend(user_id)
    await service.drain()


async def some_items(service: Service, count: int) -> list[str]:
    return [row[0] for row in await service.rows("SELECT item_id FROM items ORDER BY number LIMIT %s", count)]


async def bought(service: Service, user_id: str = USER) -> set[str]:
    rows = await service.rows(
        "SELECT items.item_id FROM interactions JOIN items ON number = item WHERE user_id = %s", user_id
    )
    return {row[0] for row in rows}


async def test_an_answer_is_complete(service: Service) -> None:
    await remembered(service)
    answer = await service.recommend()
    assert uuid.UUID(answer["impression_id"]).version == 7
    assert served_at_of(answer["impression_id"]) > 0
    assert (answer["user_id"], answer["served_by"], answer["degraded"]) == (USER, "dual", False)
    assert [item["rank"] for item in answer["items"]] == list(range(1, 11))
    scores = [item["score"] for item in answer["items"]]
    assert scores == sorted(scores, reverse=True)
    assert answer["path"] in (0, 1, 2)
    assert 0 < answer["propensity"] <= 1
    assert set(answer["timings_ms"]) >= {"total", "memory", "rank"}
    for item in answer["items"]:
        assert sum(part["weight"] for part in item["because"]) == pytest.approx(item["score"], abs=1e-6)


async def test_before_there_is_a_memory_the_stored_history_counts(service: Service) -> None:
    first = await service.recommend()
    assert (first["degraded"], first["path"], first["demonstration"]) == (False, None, None)
    assert any(part["kind"] == "history" for item in first["items"] for part in item["because"])
    assert await service.redis.xlen(REBUILD) == 1
    await service.drain()
    second = await service.recommend()
    assert second["path"] is not None
    assert second["demonstration"]["version"] == 1


async def test_a_user_never_seen_gets_popular_items_and_nothing_is_amiss(service: Service) -> None:
    answer = await service.recommend("never seen before")
    assert (answer["degraded"], answer["degraded_reasons"]) == (False, [])
    assert (answer["path"], answer["propensity"], answer["demonstration"]) == (None, None, None)
    assert len(answer["items"]) == 10
    counts = dict(
        await service.rows("SELECT item_id, count(*) FROM interactions JOIN items ON number = item GROUP BY item_id")
    )
    average = sum(counts.values()) / len(counts)
    assert sum(counts.get(each, 0) for each in ids(answer)) / 10 > 1.5 * average
    assert await service.redis.xlen(REBUILD) == 0


async def test_an_inline_history_replaces_the_stored_one(service: Service) -> None:
    await remembered(service)
    history = (await some_items(service, 9))[-3:]
    stateless = await service.recommend(history=history)
    stranger = await service.recommend("somebody else", history=history)
    assert ids(stateless) == ids(stranger)
    assert stateless["path"] is None
    assert not set(ids(stateless)) & set(history)
    cold = await service.recommend(history=[])
    assert all(part["kind"] != "history" for item in cold["items"] for part in item["because"])


async def test_unknown_items_of_an_inline_history_are_named(service: Service) -> None:
    (known,) = await some_items(service, 1)
    answer = await service.recommend(history=["nowhere", known])
    assert answer["ignored"] == [{"item_id": "nowhere", "reason": "unknown"}]


async def test_given_candidates_are_all_that_is_ranked(service: Service) -> None:
    given = await some_items(service, 6)
    answer = await service.recommend(candidates=given, limit=100)
    assert sorted(ids(answer)) == sorted(given)
    assert len((await service.recommend(candidates=given, limit=2))["items"]) == 2


async def test_candidates_that_cannot_be_ranked_are_named(service: Service) -> None:
    a, b = await some_items(service, 2)
    answer = await service.recommend(candidates=[a, "nowhere", b, a], exclude=[b])
    assert ids(answer) == [a]
    assert answer["ignored"] == [
        {"item_id": "nowhere", "reason": "unknown"},
        {"item_id": b, "reason": "excluded"},
        {"item_id": a, "reason": "duplicate"},
    ]


@pytest.mark.parametrize("remember", [False, True])
async def test_what_was_bought_or_excluded_never_comes_back(service: Service, remember: bool) -> None:
    if remember:
        await remembered(service)
    owned = await bought(service)
    assert owned
    first = ids(await service.recommend(limit=100))
    assert not owned & set(first)
    again = ids(await service.recommend(limit=100, exclude=first[:50]))
    assert len(again) == 100
    assert not set(again) & (owned | set(first[:50]))


@pytest.mark.parametrize("limit", [1, 10, 100])
async def test_the_list_is_as_long_as_asked_for(service: Service, limit: int) -> None:
    await remembered(service)
    items = ids(await service.recommend(limit=limit))
    assert len(items) == len(set(items)) == limit


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"user_id": ""},
        {"user_id": "u" * 129},
        {"user_id": "a\u0000b"},
        {"user_id": "u", "limit": 0},
        {"user_id": "u", "limit": 101},
        {"user_id": "u", "candidates": []},
        {"user_id": "u", "candidates": ["a"] * 501},
        {"user_id": "u", "path": 3},
        {"user_id": "u", "path": -1},
        {"user_id": "u", "deadline_ms": 19},
        {"user_id": "u", "deadline_ms": 10_001},
        {"user_id": "u", "more": 1},
    ],
)
async def test_malformed_requests_name_the_field(service: Service, body: dict[str, object]) -> None:
    answer = await service.http.post("/recommend", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "invalid_request"
    assert len(problem["errors"]) == 1


@pytest.mark.parametrize("body", ["{", "", b"\xff", r'{"user_id": "\ud800"}', r'{"user_id": "u", "\ud800": 1}'])
async def test_a_body_that_is_no_json_is_400(service: Service, body: str | bytes) -> None:
    answer = await service.http.post("/recommend", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_json")


@pytest.mark.parametrize("path", [0, 1, 2])
async def test_a_pinned_path_serves(service: Service, path: int) -> None:
    await remembered(service)
    answer = await service.recommend(path=path)
    assert (answer["path"], answer["propensity"]) == (path, 1.0)
    paths = (await service.http.get(f"/users/{USER}/paths")).json()["paths"]
    assert answer["demonstration"]["id"] == paths[path]["demonstration_id"]
    assert answer["demonstration"]["lines"] == paths[path]["lines"]


async def test_a_path_pinned_where_there_is_none_is_no_path(service: Service) -> None:
    answer = await service.recommend("never seen before", path=1)
    assert (answer["path"], answer["demonstration"], answer["degraded"]) == (None, None, False)


async def test_every_path_serves_sooner_or_later(service: Service) -> None:
    await remembered(service)
    answers = await asyncio.gather(*(service.recommend(limit=1) for _ in range(60)))
    assert {answer["path"] for answer in answers} == {0, 1, 2}


async def test_nothing_left_to_rank_is_422(service: Service) -> None:
    answer = await service.http.post("/recommend", json={"user_id": USER, "candidates": ["nowhere"]})
    assert (answer.status_code, answer.json()["code"]) == (422, "no_candidates")


async def test_past_its_deadline_an_answer_is_full_and_says_why(service: Service) -> None:
    """Redis stands still for longer than the deadline."""
    await service.redis.client_pause(150)
    answer = await service.recommend(deadline_ms=20)
    assert len(answer["items"]) == 10
    assert answer["degraded"]
    assert set(answer["degraded_reasons"]) == {
        "memory_unavailable",
        "history_unavailable",
        "deadline",
        "impression_not_recorded",
    }
    assert answer["served_by"] == "popularity"


async def test_answers_never_meet_after_a_cancelled_wait(service: Service) -> None:
    """Connections on which somebody stopped waiting are not read by the next request."""
    users = [f"u{number:04d}" for number in range(20)]
    expected = {user: await bought(service, user) for user in users}
    for user in users:
        await service.recommend(user)
    await service.drain()
    await service.redis.client_pause(100)
    await asyncio.gather(*(service.recommend(user, deadline_ms=20) for user in users))
    answers = await asyncio.gather(*(service.recommend(user, limit=100) for user in users * 2))
    for answer in answers:
        if not answer["degraded"]:
            assert not expected[answer["user_id"]] & set(ids(answer))


async def test_what_is_logged_is_what_was_answered(service: Service) -> None:
    await remembered(service)
    answer = await service.recommend(limit=5)
    await service.drain()
    impression = await service.workers.outcomes.impression(answer["impression_id"])
    assert impression is not None
    numbers = await service.workers.catalogue.numbers(ids(answer))
    assert list(impression.candidates[:5]) == [numbers[each] for each in ids(answer)]
    assert (impression.shown, impression.path) == (5, answer["path"])
    assert impression.propensity == pytest.approx(answer["propensity"])
    assert [each.path for each in impression.demonstrations] == [0, 1, 2]
    assert impression.history
