"""Keys, scopes and rate limits, seen from outside."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from app.settings import Settings
from tests.service import Service, running

pytestmark = pytest.mark.anyio

KEYS = {"serve": "key-to-serve", "ingest": "key-to-ingest", "admin": "key-of-an-admin"}
CALLS = [
    ("POST", "/recommend", "serve"),
    ("POST", "/feedback", "serve"),
    ("POST", "/feedback/batch", "serve"),
    ("PUT", "/items", "ingest"),
    ("DELETE", "/items/x", "ingest"),
    ("POST", "/events", "ingest"),
    ("GET", "/users/u0007/paths", "serve"),
    ("GET", "/users/u0007/rounds", "serve"),
    ("GET", "/users/u0007/outcomes", "serve"),
    ("DELETE", "/users/u0007", "admin"),
]


@pytest.fixture
def locked(settings: Settings) -> Settings:
    """Settings that ask for keys."""
    keys = ",".join(f"{scope}:{hashlib.sha256(key.encode()).hexdigest()}" for scope, key in KEYS.items())
    return settings.model_copy(update={"auth": "keys", "api_keys": keys})


async def called(service: Service, method: str, path: str, key: str | None = None) -> int:
    headers = {} if key is None else {"X-API-Key": key}
    answer = await service.http.request(method, path, headers=headers)
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code


async def test_every_door_opens_to_its_scope_only(locked: Settings) -> None:
    async with running(locked) as service:
        for method, path, needed in CALLS:
            assert await called(service, method, path) == 401
            assert await called(service, method, path, "wrong") == 401
            for scope, key in KEYS.items():
                status = await called(service, method, path, key)
                assert (status in {401, 403}) == (scope != needed), (method, path, scope, status)


async def test_every_operation_of_the_document_is_behind_a_door(locked: Settings) -> None:
    async with running(locked) as service:
        document = (await service.http.get("/openapi.json")).json()
        open_to_all = set()
        for path, operations in document["paths"].items():
            for method in operations:
                status = await called(service, method.upper(), path.replace("{user_id}", "u").replace("{item_id}", "i"))
                if status != 401:
                    open_to_all.add(path)
        assert open_to_all == {"/healthz", "/readyz", "/metrics"}


@pytest.mark.parametrize(
    "path", ["//recommend", "/recommend/", "/metrics/../recommend", "/docs/../users/u0007/paths", "/./recommend"]
)
async def test_odd_paths_are_no_way_in(locked: Settings, path: str) -> None:
    async with running(locked) as service:
        for method in ("GET", "POST", "DELETE"):
            answer = await service.http.request(method, f"http://test{path}", json={"user_id": "u"})
            assert answer.status_code in {401, 403, 404, 405, 307}
            assert "impression_id" not in answer.text


async def test_without_a_key_no_body_is_read(locked: Settings) -> None:
    async with running(locked) as service:
        answer = await service.http.post("/recommend", content="{", headers={"Content-Type": "application/json"})
        assert answer.status_code == 401


async def test_too_many_requests_are_told_when_to_come_back(settings: Settings) -> None:
    async with running(settings.model_copy(update={"rate_limit": "5/minute"})) as service:
        answers = await asyncio.gather(*(service.http.get("/users/u0007/outcomes") for _ in range(9)))
        assert sorted(answer.status_code for answer in answers) == [200] * 5 + [429] * 4
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.json()["code"] == "rate_limited"
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert (await service.http.get("/healthz")).status_code == 200


async def test_callers_are_limited_apart_from_each_other(locked: Settings) -> None:
    async with running(locked.model_copy(update={"rate_limit": "2/minute"})) as service:
        for key in ("serve", "admin"):
            codes = [await called(service, "GET", "/users/x/outcomes", KEYS[key]) for _ in range(3)]
            assert codes == ([200, 200, 429] if key == "serve" else [403, 403, 403])


async def test_a_limit_that_cannot_be_counted_keeps_nobody_out(settings: Settings) -> None:
    """The store of the limits stands still; the answer comes in time all the same."""
    async with running(settings.model_copy(update={"rate_limit": "1000/second"})) as service:
        await service.recommend()
        await service.redis.client_pause(1500)
        async with asyncio.timeout(1.4):
            answer = await service.recommend(deadline_ms=100)
        assert len(answer["items"]) == 10
        assert answer["degraded"]
