"""How many pieces of feedback one worker process learns from per second on one core."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from subprocess import Popen

import orjson

from app.cli.bench.figures import Figure, at_least
from app.cli.bench.workbench import Workbench, cpu_seconds, loaded
from app.domain.items import EventKind
from app.errors import StartupError
from app.runtime import Runtime
from app.serving.feedback import Report, feedback
from app.serving.rebuild import rebuilt
from app.serving.recommend import Ask, recommend
from app.settings import Settings
from app.stores.backlog import Backlog
from app.stores.memory import Save
from app.stores.redis import FEEDBACK
from app.wiring import open_runtime
from workers.run import Worker

FEEDBACKS = 5_000
REPORTED_AT_ONCE = 500
TARGET = 300.0
LOOK_S = 0.02
LONGEST_S = 300.0


@dataclass(frozen=True, slots=True)
class _Drained:
    """From the first entry taken to the last one acknowledged."""

    seconds: float
    cpu_s: float | None


def run(workbench: Workbench) -> list[Figure]:
    """Feedback per second of users whose memory is there, and of users whose memory has to be built first."""
    figures: list[Figure] = []
    with workbench.servers() as settings:
        asyncio.run(loaded(settings, workbench.data[0] if workbench.data else None))
        for name, remembered in (("users with a memory", True), ("memories built on the way", False)):
            workbench.say(f"taking {FEEDBACKS:,} pieces of feedback, {name}")
            asyncio.run(_accept(settings, remembered=remembered))
            drained = asyncio.run(_drain(workbench, settings))
            figures.append(at_least(f"{name}: one process, one core", FEEDBACKS / drained.seconds, TARGET, "/s"))
            if drained.cpu_s:
                figures.append(Figure(f"{name}: per second of its processor time", FEEDBACKS / drained.cpu_s, "/s"))
    return figures


async def _accept(settings: Settings, *, remembered: bool) -> None:
    """Recommends and takes feedback as the API does; nobody learns from it yet."""
    async with open_runtime(settings, learns=True) as rt:
        users = (await rt.catalogue.read_for_fit()).user_ids[: FEEDBACKS // 2]
        now_s = int(time.time())
        for user in users:
            if remembered:
                memory, _ = await rebuilt(rt, user, None, now_s=now_s)
                await rt.memory.save([Save(user, memory, now_s * 1000)])
            else:
                await rt.memory.erase(user, now_ms=0)
        reports = [await _report(rt, users[index % len(users)], index) for index in range(FEEDBACKS)]
        for start in range(0, FEEDBACKS, REPORTED_AT_ONCE):
            await feedback(rt, reports[start : start + REPORTED_AT_ONCE], now_s=now_s)


async def _report(rt: Runtime, user_id: str, index: int) -> Report:
    """That a user bought one of ten items shown."""
    answer = orjson.loads(await recommend(rt, Ask(user_id, time.monotonic(), int(time.time() * 1000))))
    item = answer["items"][index % len(answer["items"])]
    return Report(answer["impression_id"], item["item_id"], EventKind.PURCHASE, position=item["rank"])


async def _drain(workbench: Workbench, settings: Settings) -> _Drained:
    """Runs one scorer until the stream is empty."""
    async with open_runtime(settings, learns=False) as rt:
        with workbench.child(settings, "work", Worker.SCORER, core=0) as process:
            await _until(rt, process, lambda backlog: backlog.pending > 0 or backlog.lag < FEEDBACKS)
            begun, cpu = time.monotonic(), cpu_seconds(process.pid)
            await _until(rt, process, lambda backlog: backlog.lag == 0 and backlog.pending == 0)
            used = cpu_seconds(process.pid)
            seconds = time.monotonic() - begun
    return _Drained(seconds, None if used is None or cpu is None else used - cpu)


async def _until(rt: Runtime, process: Popen[bytes], reached: Callable[[Backlog], bool]) -> None:
    ends = time.monotonic() + LONGEST_S
    while time.monotonic() < ends:
        if process.poll() is not None:
            raise StartupError(f"the scorer ended with code {process.returncode}")
        backlog = next((each for each in await rt.backlogs.all() if each.stream == FEEDBACK), None)
        if backlog is not None and reached(backlog):
            return
        await asyncio.sleep(LOOK_S)
    raise StartupError(f"the scorer is not through after {LONGEST_S:.0f} s")
