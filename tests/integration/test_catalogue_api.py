"""Items and events over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from app.settings import Settings
from tests.service import USER, Json, Service, ids, running, until

pytestmark = pytest.mark.anyio

NDJSON = {"Content-Type": "application/x-ndjson"}
TENT = {"item_id": "new-tent", "title": "Kelmoor Master Two-Person Tent, Moss", "categories": ["Camping"], "price": 9.5}
WHEN = "2026-01-31T12:00:00Z"


async def stored(service: Service, item_id: str = "new-tent") -> list[tuple[object, ...]]:
    return await service.rows("SELECT title, price, deleted_at IS NULL FROM items WHERE item_id = %s", item_id)


async def known(service: Service, item_id: str) -> bool:
    return item_id in service.api.live.current.space.row_of_id


async def a_camper(service: Service) -> list[str]:
    """Items of one kind, as somebody's history."""
    rows = await service.rows("SELECT item_id FROM items WHERE title LIKE '%%Tent%%' ORDER BY number LIMIT 4")
    return [row[0] for row in rows]


async def test_items_are_new_changed_or_as_they_were(service: Service) -> None:
    assert (await service.http.put("/items", json=[TENT])).json() == {"inserted": 1, "updated": 0, "unchanged": 0}
    cheaper = TENT | {"price": 8.5}
    lines = "\n".join(json.dumps(each) for each in (cheaper, {"item_id": "b", "title": "B"}))
    answer = await service.http.put("/items", content=lines, headers=NDJSON)
    assert answer.json() == {"inserted": 1, "updated": 1, "unchanged": 0}
    assert (await service.http.put("/items", json=[cheaper])).json()["unchanged"] == 1
    assert await stored(service) == [(TENT["title"], 8.5, True)]


async def test_a_new_item_is_recommended_by_its_text(service: Service) -> None:
    """Nobody has bought it; it resembles what this user has."""
    await service.http.put("/items", json=[TENT])
    await until(lambda: known(service, "new-tent"))
    history = await a_camper(service)
    answer = await service.recommend("camper", history=history, limit=100)
    assert "new-tent" in ids(answer)
    assert ids(answer).index("new-tent") < 50
    assert (await service.recommend("camper", candidates=["new-tent"]))["ignored"] == []


async def test_a_deleted_item_is_recommended_no_more_and_can_come_back(service: Service) -> None:
    gone = ids(await service.recommend())[0]
    assert (await service.http.delete(f"/items/{gone}")).status_code == 204

    async def missing() -> bool:
        return not await known(service, gone)

    await until(missing)
    assert gone not in ids(await service.recommend(limit=100))
    answer = await service.recommend(candidates=[gone, ids(await service.recommend())[0]])
    assert {"item_id": gone, "reason": "unknown"} in answer["ignored"]
    assert (await service.http.delete(f"/items/{gone}")).status_code == 404
    await service.http.put("/items", json=[{"item_id": gone, "title": "Back again"}])
    await until(lambda: known(service, gone))


async def test_feedback_on_an_item_that_was_deleted_meanwhile_counts(service: Service) -> None:
    answer = await service.recommend()
    await service.http.delete(f"/items/{ids(answer)[0]}")
    await until(lambda: _without(service, ids(answer)[0]))
    await service.react(answer)
    await service.drain()
    outcomes = (await service.http.get(f"/users/{USER}/outcomes")).json()
    assert [each["item_id"] for each in outcomes] == [ids(answer)[0]]


async def _without(service: Service, item_id: str) -> bool:
    spaces = (service.api.live.current.space, service.workers.live.current.space)
    return not any(item_id in space.row_of_id for space in spaces)


async def test_a_stranger_cannot_be_deleted(service: Service) -> None:
    answer = await service.http.delete("/items/nowhere")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_item")


@pytest.mark.parametrize(
    ("lines", "status", "field"),
    [
        (['{"item_id":"new-tent","title":"T"}', "{broken"], 422, "line 2"),
        (['{"item_id":"new-tent","title":"T"}', "", '{"item_id":"b"}'], 422, "line 3.title"),
        (['{"item_id":"new-tent","title":"T"}', '{"item_id":"b","title":"B","price":-1}'], 422, "line 2.price"),
    ],
)
async def test_of_lines_with_a_fault_nothing_is_stored(
    service: Service, lines: list[str], status: int, field: str
) -> None:
    answer = await service.http.put("/items", content="\n".join(lines), headers=NDJSON)
    assert answer.status_code == status
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]
    assert await stored(service) == []


async def test_of_a_list_with_a_fault_nothing_is_stored(service: Service) -> None:
    answer = await service.http.put("/items", json=[TENT, {"item_id": ""}])
    assert answer.status_code == 422
    assert await stored(service) == []


def event(item_id: str, user_id: str = USER, **more: object) -> Json:
    return {"user_id": user_id, "item_id": item_id, "event": "purchase", "occurred_at": WHEN} | more


async def test_importing_events_again_changes_nothing(service: Service) -> None:
    items = ids(await service.recommend(limit=3))
    body = [event(each) for each in items] + [event("nowhere")]
    first = (await service.http.post("/events", json=body)).json()
    assert first == {
        "accepted": 3,
        "duplicates": 0,
        "ignored": [{"index": 3, "item_id": "nowhere", "reason": "unknown"}],
    }
    again = (await service.http.post("/events", json=body)).json()
    assert (again["accepted"], again["duplicates"]) == (0, 3)
    await service.drain()
    assert not set(items) & set(ids(await service.recommend(limit=100)))


async def test_imported_events_make_a_user_known(service: Service) -> None:
    items = await a_camper(service)
    lines = "".join(json.dumps(event(each, "camper")) + "\n" for each in items)
    assert (await service.http.post("/events", content=lines, headers=NDJSON)).json()["accepted"] == len(items)
    await service.drain()
    view = (await service.http.get("/users/camper/paths")).json()
    assert (view["events"], len(view["paths"])) == (len(items), 3)
    assert any(part["kind"] == "history" for part in (await service.recommend("camper"))["items"][0]["because"])


async def test_events_of_unknown_items_only_are_all_ignored(service: Service) -> None:
    answer = await service.http.post("/events", json=[event("nowhere")])
    assert (answer.status_code, answer.json()["accepted"]) == (200, 0)


async def test_events_can_lie_far_back(service: Service) -> None:
    items = await a_camper(service)
    body = [event(items[0], occurred_at="1970-01-01T00:00:00Z"), event(items[1], occurred_at="1999-12-31T23:59:59Z")]
    assert (await service.http.post("/events", json=body)).json()["accepted"] == 2
    await service.drain()
    await service.recommend()


@pytest.fixture
async def narrow(settings: Settings) -> AsyncIterator[Service]:
    """A service that takes small bodies only."""
    async with running(settings.model_copy(update={"max_body_bytes": 2048})) as started:
        yield started


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/items"),
        ("POST", "/events"),
        ("POST", "/feedback"),
        ("POST", "/feedback/batch"),
        ("POST", "/recommend"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_body_over_the_limit_is_413(narrow: Service, method: str, path: str, streamed: bool) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b" " * 1000

    content = chunks() if streamed else b" " * 5000
    answer = await narrow.http.request(method, path, content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert (await narrow.http.get("/healthz")).status_code == 200
