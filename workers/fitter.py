"""Refits when there is something new, in a process of its own: a fit must not hold up the other workers."""

from __future__ import annotations

import asyncio
import sys
import time

from app import metrics
from app.log import get_logger
from app.runtime import Runtime

_log = get_logger(__name__)


async def refit(rt: Runtime) -> None:
    """Fits if enough is new since the last fit, or if there is no artifact: none was made yet, or it was lost."""
    if not await _due(rt):
        return
    begun = time.monotonic()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "app.cli", "fit", "--quiet")
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    metrics.FIT_SECONDS.set(time.monotonic() - begun)
    if code != 0:
        _log.error("fit_failed", exit_code=code)


async def _due(rt: Runtime) -> bool:
    if not rt.live.current.fitted:
        return await rt.fits.anything()
    news = await rt.fits.news()
    return news.interactions + news.items >= rt.settings.fit_min_new
