"""A failing store is named, and left alone for a while."""

from __future__ import annotations

import pytest

from app.errors import StoreDown
from app.stores.guard import Guard

pytestmark = pytest.mark.anyio


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def call(guard: Guard, error: Exception | None = None) -> str:
    async with guard:
        if error is not None:
            raise error
        return "answer"


async def test_a_failure_becomes_store_down_and_names_the_store() -> None:
    with pytest.raises(StoreDown, match="shop is down"):
        await call(Guard("shop", (OSError,), rest_s=1.0), OSError("gone"))


async def test_other_errors_pass_and_are_no_outage() -> None:
    guard = Guard("shop", (OSError,), rest_s=1.0)
    with pytest.raises(KeyError):
        await call(guard, KeyError("mine"))
    assert await call(guard) == "answer"


async def test_after_a_failure_nothing_passes_then_one_probe_at_a_time() -> None:
    clock = Clock()
    guard = Guard("shop", (OSError,), rest_s=1.0, clock=clock)
    with pytest.raises(StoreDown):
        await call(guard, OSError())
    with pytest.raises(StoreDown, match="left alone"):
        await call(guard)
    clock.now += 1.0
    async with guard:
        with pytest.raises(StoreDown, match="left alone"):
            await call(guard)
    assert await call(guard) == "answer"


async def test_a_failed_probe_starts_another_rest() -> None:
    clock = Clock()
    guard = Guard("shop", (OSError,), rest_s=1.0, clock=clock)
    for _ in range(2):
        with pytest.raises(StoreDown, match="is down"):
            await call(guard, OSError())
        with pytest.raises(StoreDown, match="left alone"):
            await call(guard)
        clock.now += 1.0


async def test_workers_never_leave_a_store_alone() -> None:
    guard = Guard("shop", (OSError,), rest_s=0.0)
    for _ in range(3):
        with pytest.raises(StoreDown, match="is down"):
            await call(guard, OSError())
    assert await call(guard) == "answer"
