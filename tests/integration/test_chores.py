"""What workers do by the clock."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings
from tests.service import Service, running
from workers import fitter, sweeper

pytestmark = pytest.mark.anyio


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The processes that were started to fit."""
    started: list[tuple[Any, ...]] = []
    start = asyncio.create_subprocess_exec

    async def note(*command: str) -> asyncio.subprocess.Process:
        started.append(command)
        return await start(sys.executable, "-c", "")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", note)
    return started


async def test_a_lost_artifact_is_fitted_again(settings: Settings, tmp_path: Path, fits: list[tuple[Any, ...]]) -> None:
    """Though the newest fit has seen everything there is."""
    lost = settings.model_copy(update={"artifacts": tmp_path / "lost"})
    async with running(lost) as service:
        assert (await service.workers.fits.news()).items == 0
        await fitter.refit(service.workers)
        assert len(fits) == 1
        await service.rows("UPDATE items SET deleted_at = now() RETURNING 1")
        await fitter.refit(service.workers)
        assert len(fits) == 1  # nothing is left to fit


async def test_a_fit_waits_for_news(service: Service, fits: list[tuple[Any, ...]]) -> None:
    await fitter.refit(service.workers)
    assert fits == []
    await service.http.put("/items", json=[{"item_id": "new", "title": "New"}])
    await fitter.refit(service.workers)
    assert len(fits) == 1


async def test_one_round_closes_everything_that_is_due(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeper, "CLOSED_AT_ONCE", 2)
    for _ in range(5):
        await service.recommend()
    await service.drain()
    await sweeper.sweep(
        replace(service.workers, settings=service.settings.model_copy(update={"attribution_window_s": 0}))
    )
    assert await service.rows("SELECT count(*) FROM impressions WHERE closed_at IS NULL") == [(0,)]
