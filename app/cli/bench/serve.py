"""Requests per second of one API process on one core, beside the barest endpoint's in the same run."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import orjson

from app.cli.bench.figures import Figure, at_least, at_most
from app.cli.bench.load import Load, post, saturate, steady
from app.cli.bench.workbench import Workbench, cpu_seconds, free_port, loaded, pin, stop, wait_ready
from app.cli.servers import environment
from app.serving.rebuild import rebuilt
from app.settings import Settings
from app.stores.memory import Save
from app.wiring import open_runtime

USERS = 1000
CANDIDATES = 50
ROUNDS = 5
ROUND_S = 3.0
STEADY_S = 10.0
CONNECTIONS = 16
SERVICE_CORE, LOAD_CORE = 0, 1
RATIO, OWN_P99_MS = 0.5, 15.0


@dataclass(frozen=True, slots=True)
class _Round:
    """One round of saturation: answers per second, and processor time of the service per answer."""

    rate: float
    cpu_us: float


def run(workbench: Workbench) -> list[Figure]:
    """The ratio to the bare endpoint at saturation, and the service's own time at half that load."""
    with workbench.servers() as settings:
        asyncio.run(loaded(settings, workbench.data[0] if workbench.data else None))
        requests = asyncio.run(_requests(settings))
        workbench.say(f"{ROUNDS} rounds of {ROUND_S:.0f} s each, {len(requests):,} users with a memory, in turns")
        with workbench.child(settings, "serve", core=SERVICE_CORE) as ours, _bare(settings) as (bare, port):
            wait_ready(f"http://127.0.0.1:{settings.port}", ours)
            pin(os.getpid(), LOAD_CORE)
            asyncio.run(saturate(settings.port, requests, seconds=1.0, connections=CONNECTIONS))
            rounds = [
                (_round(port, bare.pid, requests), _round(settings.port, ours.pid, requests)) for _ in range(ROUNDS)
            ]
            half = statistics.median(own.rate for _, own in rounds) / 2
            calm = asyncio.run(steady(settings.port, requests, rate=half, seconds=STEADY_S, connections=CONNECTIONS))
    return [*_saturated(rounds), *_calm(calm, half)]


def _saturated(rounds: Sequence[tuple[_Round, _Round]]) -> list[Figure]:
    def middle(values: Iterator[float]) -> float:
        return statistics.median(values)

    return [
        Figure("bare endpoint", middle(bare.rate for bare, _ in rounds), "/s"),
        Figure("/recommend, 50 candidates", middle(own.rate for _, own in rounds), "/s"),
        at_least("ratio of the rates", middle(own.rate / bare.rate for bare, own in rounds), RATIO),
        Figure("ratio of processor time", middle(bare.cpu_us / own.cpu_us for bare, own in rounds)),
        Figure("processor time, bare", middle(bare.cpu_us for bare, _ in rounds), "us"),
        Figure("processor time, /recommend", middle(own.cpu_us for _, own in rounds), "us"),
    ]


def _calm(load: Load, rate: float) -> list[Figure]:
    own = np.array([orjson.loads(body)["timings_ms"]["total"] for body in load.bodies])
    median, high = np.percentile(own, [50, 99])
    return [
        Figure("half load", rate, "/s"),
        Figure("own time at half load, median", float(median), "ms"),
        at_most("own time at half load, p99", float(high), OWN_P99_MS, "ms"),
        at_most("refused", load.refused, 0),
    ]


def _round(port: int, pid: int, requests: Sequence[bytes]) -> _Round:
    before = cpu_seconds(pid) or 0.0
    load = asyncio.run(saturate(port, requests, seconds=ROUND_S, connections=CONNECTIONS))
    used = (cpu_seconds(pid) or 0.0) - before
    return _Round(load.rate, 1e6 * used / max(load.answered, 1))


async def _requests(settings: Settings) -> list[bytes]:
    """One request for each of many users; their memories are built, as their first feedback would."""
    rng = np.random.default_rng(0)
    async with open_runtime(settings, learns=True) as rt:
        users = (await rt.catalogue.read_for_fit()).user_ids[:USERS]
        now_s = int(time.time())
        for user in users:
            memory, _ = await rebuilt(rt, user, None, now_s=now_s)
            await rt.memory.save([Save(user, memory, now_s * 1000)])
        ids = rt.live.current.space.item_ids
        picks = [rng.choice(len(ids), CANDIDATES, replace=False) for _ in users]
    bodies = [
        {"user_id": user, "candidates": [ids[row] for row in rows]} for user, rows in zip(users, picks, strict=True)
    ]
    return [post("/recommend", orjson.dumps(body)) for body in bodies]


@contextmanager
def _bare(settings: Settings) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The yardstick in a process of its own, on the service's core."""
    port = free_port()
    options = [
        "--port",
        str(port),
        "--no-access-log",
        "--log-level",
        "warning",
        "--loop",
        "uvloop",
        "--http",
        "httptools",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "--factory", "app.cli.bench.bare:create_bare", *options],
        env=environment(settings),
        process_group=0,
    )
    pin(process.pid, SERVICE_CORE)
    try:
        wait_ready(f"http://127.0.0.1:{port}", process)
        yield process, port
    finally:
        stop(process)
