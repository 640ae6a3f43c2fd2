"""One fit: read the log from PostgreSQL, fit, publish the artifact; never two at once on one database."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from app.embeddings import artifact
from app.embeddings.fit import Model, fit
from app.log import get_logger
from app.stores.bulk import FitInput
from app.stores.catalogue import Catalogue
from app.stores.fits import Fit, Fits

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FitReport:
    """What was fitted and how long it took, seconds."""

    version: str
    items: int
    interactions: int
    users: int
    read_s: float
    fit_s: float
    publish_s: float


async def fit_and_publish(catalogue: Catalogue, fits: Fits, folder: Path) -> FitReport | None:
    """Publishes a fit of everything in PostgreSQL; None when another process is fitting."""
    async with fits.lock() as mine:
        if not mine:
            _log.info("fit_skipped", why="another process is fitting")
            return None
        started = datetime.now(UTC)
        marks = [time.perf_counter()]
        log = await catalogue.read_for_fit()
        marks.append(time.perf_counter())
        model = await asyncio.to_thread(_fitted, log, f"{started:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}")
        marks.append(time.perf_counter())
        await asyncio.to_thread(artifact.publish, model, folder)
        await asyncio.to_thread(artifact.prune, folder)
        marks.append(time.perf_counter())
        await fits.record(_fit(model, log, started))
    read_s, fit_s, publish_s = (round(end - begin, 3) for begin, end in pairwise(marks))
    space = model.space
    _log.info("fitted", version=space.version, items=len(space), interactions=len(model.log.items), seconds=fit_s)
    return FitReport(space.version, len(space), len(model.log.items), len(log.user_ids), read_s, fit_s, publish_s)


def _fitted(log: FitInput, version: str) -> Model:
    return fit(
        items=log.items,
        user_ids=log.user_ids,
        users=log.users,
        item_numbers=log.item_numbers,
        times=log.times,
        version=version,
    )


def _fit(model: Model, log: FitInput, started: datetime) -> Fit:
    space = model.space
    return Fit(
        version=space.version,
        started_at=started,
        finished_at=datetime.now(UTC),
        items=len(space),
        interactions=len(model.log.items),
        as_of=datetime.fromtimestamp(space.as_of, UTC) if space.as_of else None,
        read_at=log.read_at,
    )
