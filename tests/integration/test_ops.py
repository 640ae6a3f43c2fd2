"""What operators ask for."""

from __future__ import annotations

import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.settings import Settings
from tests.service import Service, running, settings_of

pytestmark = pytest.mark.anyio


async def test_the_process_says_that_it_runs(service: Service) -> None:
    answer = await service.http.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_a_fitted_service_is_ready(service: Service) -> None:
    answer = await service.http.get("/readyz")
    assert answer.status_code == 200
    view = answer.json()
    assert (view["ready"], view["degraded"], view["rankers"]) == (True, False, ["dual", "popularity"])
    assert {check["name"]: check["ok"] for check in view["checks"]} == {"redis": True, "postgres": True, "model": True}
    assert view["items"] == (await service.rows("SELECT count(*) FROM items"))[0][0]


async def test_without_an_artifact_it_is_degraded_and_ready(settings: Settings) -> None:
    async with running(settings.model_copy(update={"artifacts": settings.home / "none"})) as service:
        answer = await service.http.get("/readyz")
        assert answer.status_code == 200
        assert (answer.json()["ready"], answer.json()["degraded"], answer.json()["model"]) == (True, True, None)
        recommendation = await service.recommend()
        assert (recommendation["served_by"], recommendation["degraded_reasons"]) == ("popularity", ["not_fitted"])
        assert len(recommendation["items"]) == 10


async def test_with_an_empty_catalogue_it_is_not_ready(redis_url: str, database_url: str, settings: Settings) -> None:
    empty = settings_of(settings.home / "empty", redis_url=redis_url, database_url=database_url)
    async with running(empty) as service:
        answer = await service.http.get("/readyz")
        assert answer.status_code == 503
        assert (answer.json()["ready"], answer.json()["items"]) == (False, 0)
        nothing = await service.http.post("/recommend", json={"user_id": "u"})
        assert (nothing.status_code, nothing.json()["code"]) == (422, "no_candidates")


async def test_a_database_without_its_schema_is_told_and_the_service_starts(
    redis_url: str, empty_database_url: str, settings: Settings
) -> None:
    bare = settings_of(settings.home / "bare", redis_url=redis_url, database_url=empty_database_url)
    async with running(bare) as service:
        checks = {check["name"]: check for check in (await service.http.get("/readyz")).json()["checks"]}
        assert not checks["postgres"]["ok"]


async def test_metrics_can_be_read_and_name_no_user(service: Service) -> None:
    user = "a-very-particular-user"
    await service.react(await service.recommend(user))
    await service.http.get(f"/users/{user}/paths")
    await service.http.get("/nowhere")
    answer = await service.http.get("/metrics")
    assert answer.status_code == 200
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    routes = {sample.labels["route"] for sample in families["lrgd_requests"].samples if "route" in sample.labels}
    assert {"/recommend", "/feedback", "/users/{user_id}/paths", "unknown"} <= routes
    assert user not in answer.text
    assert families["lrgd_catalogue_items"].samples[0].value > 0


async def test_every_answer_carries_a_request_id(service: Service) -> None:
    for method, path in (("GET", "/healthz"), ("POST", "/recommend"), ("GET", "/nowhere")):
        assert (await service.http.request(method, path)).headers["X-Request-ID"]
    given = await service.http.get("/healthz", headers={"X-Request-ID": "mine"})
    assert given.headers["X-Request-ID"] == "mine"


async def test_unknown_routes_and_methods_are_problems(service: Service) -> None:
    unknown = await service.http.get("/nowhere")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    wrong = await service.http.get("/recommend")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert wrong.headers["Allow"] == "POST"
    for answer in (unknown, wrong):
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "size"),
    [("POST", "/recommend", 256_001), ("POST", "/feedback", 256_001), ("POST", "/feedback/batch", 1_000_001)],
)
async def test_small_endpoints_take_small_bodies(service: Service, method: str, path: str, size: int) -> None:
    answer = await service.http.request(method, path, content=b" " * size)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert (await service.http.put("/items", content=b" " * 1_000_001)).status_code == 422


async def test_a_body_of_faults_is_answered_shortly(service: Service) -> None:
    surplus = {f"k{number}": 1 for number in range(20_000)}
    for path, body in (("/recommend", surplus), ("/feedback", surplus), ("/feedback/batch", [surplus])):
        begun = time.monotonic()
        answer = await service.http.post(path, json=body)
        assert (answer.status_code, time.monotonic() - begun < 1.0) == (422, True)
        assert len(answer.content) < 10_000


@pytest.mark.parametrize("path", ["/recommend", "/feedback", "/feedback/batch", "/events", "/items"])
async def test_bodies_are_json_or_refused(service: Service, path: str) -> None:
    method = "PUT" if path == "/items" else "POST"
    for given in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = await service.http.request(method, path, content=b"[]", headers={"Content-Type": given})
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    for json in ("application/json", "Application/JSON; charset=utf-8", None):
        headers = {} if json is None else {"Content-Type": json}
        answer = await service.http.request(method, path, content=b"7", headers=headers)
        assert answer.status_code == 422
    lines = await service.http.request(method, path, content=b"7", headers={"Content-Type": "application/x-ndjson"})
    assert lines.status_code == (422 if path in {"/items", "/events"} else 415)


@pytest.mark.parametrize("path", ["/recommend/", "/feedback/", "/items/", "/healthz/"])
async def test_a_trailing_slash_is_another_route(service: Service, path: str) -> None:
    answer = await service.http.get(path, headers={"Host": "elsewhere"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_probes_may_ask_for_the_head_only(service: Service, path: str) -> None:
    assert (await service.http.head(path)).status_code == 200
