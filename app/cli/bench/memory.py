"""What a user costs in Redis at k = 3, measured on saved memories with real content and every buffer full."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from app.cli.bench.figures import Figure, at_most
from app.cli.bench.memories import POOL, Pool, make_pool, used_memory
from app.cli.bench.workbench import Workbench, loaded
from app.domain.history import HISTORY_LIMIT
from app.runtime import Runtime
from app.settings import Settings
from app.stores.memory import Save
from app.stores.redis import open_redis, user_key
from app.wiring import open_runtime

USERS = 10_000
AT_ONCE = 250
TARGET_BYTES = 8192
SHOPPER = "shopper-{:04d}"


@dataclass(frozen=True, slots=True)
class _Cost:
    """Bytes of a population of users."""

    mean: float
    largest: int
    archived: float  # demonstrations that fitted into the archive, per path


def run(workbench: Workbench) -> list[Figure]:
    """Bytes per user over 10,000 users, with the sample shop's histories and with full ones."""
    with workbench.servers() as settings:
        asyncio.run(loaded(settings, workbench.data[0] if workbench.data else None))
        usual, full = asyncio.run(_measure(workbench, settings))
    return [
        at_most("mean, histories as in the data", usual.mean, TARGET_BYTES, "bytes"),
        at_most("largest", usual.largest, TARGET_BYTES, "bytes"),
        at_most(f"mean, {HISTORY_LIMIT} events each", full.mean, TARGET_BYTES, "bytes"),
        at_most("largest", full.largest, TARGET_BYTES, "bytes"),
        Figure("archived demonstrations that fit, of 5 per path", full.archived),
    ]


async def _measure(workbench: Workbench, settings: Settings) -> tuple[_Cost, _Cost]:
    async with open_runtime(settings, learns=True) as rt:
        users = await rt.catalogue.user_ids(limit=POOL)
        pool = make_pool(rt.live.current, [(user, await rt.catalogue.history(user, limit=200)) for user in users])
        usual = await _population(workbench, rt, settings, pool, full_history=False)
        full = await _population(workbench, rt, settings, pool, full_history=True)
    return usual, full
