"""POST /feedback on real stores."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from datetime import UTC, datetime

import pytest

from app.domain.impression import new_impression_id
from app.stores.redis import FEEDBACK, impression_key, taken_key
from tests.service import USER, Json, Service, ids

pytestmark = pytest.mark.anyio


async def entries(service: Service) -> list[Json]:
    """What waits for the scorer."""
    return [json.loads(entry.body) for entry in await service.entries(FEEDBACK)]


async def outcomes(service: Service, user_id: str = USER) -> list[Json]:
    answer = await service.http.get(f"/users/{user_id}/outcomes")
    assert answer.status_code == 200
    found: list[Json] = answer.json()
    return found


async def test_feedback_is_durable_before_the_answer(service: Service) -> None:
    answer = await service.recommend()
    assert await service.react(answer) == {"accepted": True, "duplicate": False}
    (entry,) = await entries(service)
    assert (entry["impression_id"], entry["item_id"], entry["user_id"], entry["event"]) == (
        answer["impression_id"],
        ids(answer)[0],
        USER,
        "purchase",
    )
    assert abs(entry["received_at"] - time.time()) < 60


async def test_a_repeat_is_accepted_and_counted_once(service: Service) -> None:
    answer = await service.recommend()
    receipts = [await service.react(answer, value=number) for number in range(3)]
    assert [each["duplicate"] for each in receipts] == [False, True, True]
    assert len(await entries(service)) == 1


async def test_repeats_at_once_are_counted_once(service: Service) -> None:
    answer = await service.recommend()
    receipts = await asyncio.gather(*(service.react(answer) for _ in range(20)))
    assert sum(not each["duplicate"] for each in receipts) == 1
    assert len(await entries(service)) == 1


async def test_other_events_and_items_are_no_repeats(service: Service) -> None:
    answer = await service.recommend()
    receipts = [
        await service.react(answer, event="click"),
        await service.react(answer, event="purchase"),
        await service.react(answer, place=1, event="click"),
    ]
    assert not any(each["duplicate"] for each in receipts)


async def test_an_event_id_tells_repeats_apart(service: Service) -> None:
    answer = await service.recommend()
    assert not (await service.react(answer, event_id="e1"))["duplicate"]
    assert (await service.react(answer, event_id="e1"))["duplicate"]
    other = await service.recommend()
    assert not (await service.react(other, event_id="e1"))["duplicate"]


async def test_an_event_id_is_of_one_item(service: Service) -> None:
    """Nothing else is called a repeat, and what is called new becomes an outcome of its own."""
    answer = await service.recommend()
    assert not (await service.react(answer, event_id="e1", event="click"))["duplicate"]
    assert not (await service.react(answer, place=1, event_id="e1", event="click"))["duplicate"]
    assert (await service.react(answer, event_id="e1", event="like"))["duplicate"]
    assert (await service.react(answer, event_id="e2", event="click"))["duplicate"]
    assert not (await service.react(answer, event="like"))["duplicate"]
    await service.drain()
    assert len(await outcomes(service)) == 3


async def test_two_event_ids_of_one_event_are_one_outcome(service: Service) -> None:
    answer = await service.recommend()
    await service.react(answer, event_id="e1")
    await service.react(answer, event_id="e2")
    await service.drain()
    assert len(await outcomes(service)) == 1


@pytest.mark.parametrize(
    "impression_id",
    [
        "x",
        "0",
        str(uuid.UUID(int=0)),
        str(uuid.uuid4()),
        new_impression_id(1_700_000_000_000),
        "ffffffff-ffff-7fff-bfff-ffffffffffff",
        "lrgd:user:u0007",
        "' OR 1=1 --",
        "é",
    ],
)
async def test_an_impression_that_is_not_ours_is_unknown(service: Service, impression_id: str) -> None:
    answer = await service.http.post(
        "/feedback", json={"impression_id": impression_id, "item_id": "a", "event": "click"}
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_impression")
    assert await entries(service) == []


async def test_another_spelling_of_an_id_is_unknown(service: Service) -> None:
    """One impression under two ids would be counted twice."""
    served = await service.recommend()
    parsed = uuid.UUID(served["impression_id"])
    for spelling in (str(parsed).upper(), parsed.hex, f"{{{parsed}}}", f"urn:uuid:{parsed}"):
        body = {"impression_id": spelling, "item_id": ids(served)[0], "event": "click"}
        answer = await service.http.post("/feedback", json=body)
        assert (spelling == str(parsed), answer.status_code) in {(True, 202), (False, 404)}


async def test_a_batch_is_answered_item_by_item(service: Service) -> None:
    answer = await service.recommend()
    good = {"impression_id": answer["impression_id"], "item_id": ids(answer)[0], "event": "click"}
    unknown = good | {"impression_id": new_impression_id(1)}
    response = await service.http.post("/feedback/batch", json=[good, unknown, good, good | {"event": "like"}])
    assert response.status_code == 202
    assert response.json() == [
        {"accepted": True, "duplicate": False, "code": None},
        {"accepted": False, "duplicate": False, "code": "unknown_impression"},
        {"accepted": True, "duplicate": True, "code": None},
        {"accepted": True, "duplicate": False, "code": None},
    ]
    assert len(await entries(service)) == 2


async def test_a_batch_with_a_malformed_element_is_refused_whole(service: Service) -> None:
    answer = await service.recommend()
    good = {"impression_id": answer["impression_id"], "item_id": "a", "event": "click"}
    response = await service.http.post("/feedback/batch", json=[good, good | {"event": "hover"}])
    assert response.status_code == 422
    assert [fault["field"] for fault in response.json()["errors"]] == ["1.event"]
    assert await entries(service) == []


@pytest.mark.parametrize("count", [0, 501])
async def test_a_batch_has_one_to_five_hundred_elements(service: Service, count: int) -> None:
    body = [{"impression_id": "x", "item_id": "a", "event": "click"}] * count
    assert (await service.http.post("/feedback/batch", json=body)).status_code == 422


async def test_an_item_outside_the_impression_is_history_without_an_effect(service: Service) -> None:
    given = [row[0] for row in await service.rows("SELECT item_id FROM items ORDER BY number LIMIT 9")]
    answer = await service.recommend(candidates=given[:4])
    body = {"impression_id": answer["impression_id"], "item_id": given[8], "event": "purchase"}
    assert (await service.http.post("/feedback", json=body)).status_code == 202
    await service.drain()
    (outcome,) = await outcomes(service)
    assert (outcome["item_id"], outcome["effect"], outcome["gain"], outcome["position"]) == (given[8], None, None, None)
    memory = (await service.workers.memory.load([USER]))[USER]
    assert memory.history.events["item"][-1] == (await service.workers.catalogue.numbers([given[8]]))[given[8]]
    assert all(path.statistics.rounds == 0 for path in memory.paths)


async def test_an_item_nobody_knows_is_an_outcome_and_no_history(service: Service) -> None:
    answer = await service.recommend()
    body = {"impression_id": answer["impression_id"], "item_id": "nowhere", "event": "purchase"}
    assert (await service.http.post("/feedback", json=body)).status_code == 202
    await service.drain()
    (outcome,) = await outcomes(service)
    assert (outcome["item_id"], outcome["effect"]) == ("nowhere", None)


async def test_late_feedback_finds_its_impression_in_the_database(service: Service) -> None:
    answer = await service.recommend()
    await service.drain()
    keys = impression_key(answer["impression_id"]), taken_key(answer["impression_id"])
    await service.redis.delete(*keys)  # as after the attribution window
    assert await service.react(answer) == {"accepted": True, "duplicate": False}
    await service.drain()
    (outcome,) = await outcomes(service)
    assert outcome["effect"] is not None
    assert await service.react(answer) == {"accepted": True, "duplicate": True}


async def test_late_feedback_again_is_still_one_outcome(service: Service) -> None:
    answer = await service.recommend()
    await service.react(answer)
    await service.drain()
    await service.redis.delete(impression_key(answer["impression_id"]), taken_key(answer["impression_id"]))
    await service.react(answer)
    await service.drain()
    assert len(await outcomes(service)) == 1
    memory = (await service.workers.memory.load([USER]))[USER]
    assert [path.statistics.rounds for path in memory.paths] == [1, 1, 1]


async def test_what_happened_when_is_kept(service: Service) -> None:
    answer = await service.recommend()
    await service.react(answer, place=2, occurred_at="2026-01-31T12:00:00+02:00", position=7, value=9.5)
    await service.drain()
    (outcome,) = await outcomes(service)
    assert datetime.fromisoformat(outcome["at"]) == datetime(2026, 1, 31, 10, tzinfo=UTC)
    assert outcome["position"] == 3
    assert (await service.rows("SELECT value FROM outcomes")) == [(9.5,)]


@pytest.mark.parametrize(
    "more",
    [
        {"event": "hover"},
        {"position": 0},
        {"occurred_at": "2026-01-31T12:00:00"},
        {"occurred_at": "1900-01-01T00:00:00Z"},
        {"occurred_at": "2999-01-01T00:00:00Z"},
        {"item_id": ""},
        {"event_id": "a\nb"},
        {"user_id": "u"},
    ],
)
async def test_malformed_feedback_names_the_field(service: Service, more: Json) -> None:
    body = {"impression_id": new_impression_id(1), "item_id": "a", "event": "click"} | more
    answer = await service.http.post("/feedback", json=body)
    assert answer.status_code == 422
    (fault,) = answer.json()["errors"]
    assert fault["field"] == next(iter(more))


@pytest.mark.parametrize("value", ["1e400", "NaN", "Infinity", "1" + "0" * 400])
async def test_values_are_finite(service: Service, value: str) -> None:
    body = f'{{"impression_id": "{new_impression_id(1)}", "item_id": "a", "event": "click", "value": {value}}}'
    answer = await service.http.post("/feedback", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("body", [r'{"item_id": "\ud800", "event": "click"}', r'{"\ud800": 1}'])
async def test_text_that_is_not_unicode_is_a_problem_of_the_caller(service: Service, body: str) -> None:
    answer = await service.http.post("/feedback", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["code"] in {"invalid_request", "invalid_json"}


async def test_a_repeat_after_the_window_is_a_repeat(service: Service) -> None:
    answer = await service.recommend()
    assert not (await service.react(answer))["duplicate"]
    await service.drain()
    impression_id = answer["impression_id"]
    await service.redis.delete(impression_key(impression_id), taken_key(impression_id))
    assert (await service.react(answer))["duplicate"]
    assert not (await service.react(answer, event="like"))["duplicate"]
