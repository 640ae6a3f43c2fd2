"""What a user costs in Redis at k = 3, measured on saved memories with real content and every buffer full."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from app.cli.bench.figures import Figure, at_most
from app.cli.bench.memories import POOL, Pool, make_pool, used_memory
from app.cli.bench.workbench import Workbench, loaded
from app.domain.history import HISTORY_LIMIT
from app.domain.path import ARCHIVE_LIMIT
from app.errors import StartupError
from app.runtime import Runtime
from app.settings import Settings
from app.stores.memory import Save, Saved
from app.stores.redis import open_redis, user_key
from app.wiring import open_runtime

USERS = 10_000
FULL_USERS = 2_000  # with a full history: the largest there can be
AT_ONCE = 250
TARGET_BYTES = 8192


@dataclass(frozen=True, slots=True)
class _Cost:
    """Bytes of a population of users."""

    mean: float
    largest: int
    archived: float  # demonstrations that fitted into the archive, per path
    lines: float  # of the demonstration that serves, per path


def run(workbench: Workbench) -> list[Figure]:
    """Bytes per user over 10,000 users, with histories as in the data and with full ones."""
    with workbench.servers() as settings:
        asyncio.run(loaded(settings, workbench.data[0] if workbench.data else None))
        usual, full = asyncio.run(_measure(workbench, settings))
    return [
        at_most("mean, histories as in the data", usual.mean, TARGET_BYTES, "bytes"),
        at_most("largest", usual.largest, TARGET_BYTES, "bytes"),
        at_most(f"mean, {HISTORY_LIMIT} events each", full.mean, TARGET_BYTES, "bytes"),
        at_most("largest", full.largest, TARGET_BYTES, "bytes"),
        Figure("lines of a path", full.lines),
        Figure(f"archived demonstrations kept, of {ARCHIVE_LIMIT} a path", full.archived),
    ]


async def _measure(workbench: Workbench, settings: Settings) -> tuple[_Cost, _Cost]:
    async with open_runtime(settings, learns=True) as rt:
        users = (await rt.catalogue.read_for_fit()).user_ids[:POOL]
        histories = [(user, await rt.catalogue.history(user, limit=HISTORY_LIMIT)) for user in users]
        pool = make_pool(rt.live.current, histories, now_s=int(time.time()))
        usual = await _population(workbench, rt, pool, USERS, full_history=False)
        full = await _population(workbench, rt, pool, FULL_USERS, full_history=True)
    return usual, full


async def _population(workbench: Workbench, rt: Runtime, pool: Pool, count: int, *, full_history: bool) -> _Cost:
    """Saves the memories of all users and weighs them."""
    name = "full" if full_history else "usual"
    workbench.say(f"saving {count:,} memories, {name} histories")
    users = [f"user-{name}-{index:06d}" for index in range(count)]
    async with open_redis(str(rt.settings.redis_url), timeout_ms=10_000) as redis:
        before = int((await redis.info("memory"))["used_memory"])
        for start in range(0, count, AT_ONCE):
            indices = range(start, min(start + AT_ONCE, count))
            memories = [used_memory(pool, index, full_history=full_history) for index in indices]
            now_ms = int(time.time() * 1000)
            saves = [Save(users[index], memory, now_ms) for index, memory in zip(indices, memories, strict=True)]
            if any(saved is not Saved.DONE for saved in await rt.memory.save(saves)):
                raise StartupError("a memory could not be saved")
        used = int((await redis.info("memory"))["used_memory"]) - before
        largest = max([int(await redis.memory_usage(user_key(user)) or 0) for user in users])
    kept = (await rt.memory.load(users[:AT_ONCE])).values()
    paths = [path for memory in kept for path in memory.paths]
    archived = sum(len(archive) for memory in kept for archive in memory.archives)
    lines = sum(len(path.demonstration) for path in paths)
    return _Cost(used / count, largest, archived / len(paths), lines / len(paths))
