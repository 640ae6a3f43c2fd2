"""The same Idempotency-Key of the same user, the same answer."""

from __future__ import annotations

import asyncio

import pytest

from app.stores.redis import SERVED
from tests.service import USER, Service

pytestmark = pytest.mark.anyio


async def test_the_same_key_gives_the_same_answer(service: Service) -> None:
    key = {"Idempotency-Key": "k1"}
    first = await service.http.post("/recommend", json={"user_id": USER}, headers=key)
    again = await service.http.post("/recommend", json={"user_id": USER, "limit": 3}, headers=key)
    assert first.content == again.content
    assert await service.redis.xlen(SERVED) == 1


async def test_the_same_key_of_another_user_is_another_key(service: Service) -> None:
    key = {"Idempotency-Key": "k1"}
    mine = await service.recommend(headers=key)
    other = await service.recommend("u0008", headers=key)
    assert mine["impression_id"] != other["impression_id"]
    assert other["user_id"] == "u0008"


async def test_the_same_key_at_once_gives_one_answer(service: Service) -> None:
    key = {"Idempotency-Key": "k1"}
    answers = await asyncio.gather(*(service.recommend(headers=key) for _ in range(20)))
    assert len({answer["impression_id"] for answer in answers}) == 1
    assert await service.redis.xlen(SERVED) == 1
    await service.react(answers[7])


async def test_a_key_works_for_stateless_callers_too(service: Service) -> None:
    key = {"Idempotency-Key": "k2"}
    first = await service.recommend(headers=key, history=[])
    assert first == await service.recommend(headers=key, history=[])
