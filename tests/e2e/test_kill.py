"""Everything is killed at once, under load, twice: what was accepted is learned from once, and nothing else is."""

from __future__ import annotations

import itertools
import json
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest
import redis
from sqlalchemy import make_url

from app.domain.items import KIND_CODES, EventKind
from app.domain.memory import Memory
from app.stores import codec
from app.stores.backlog import STREAMS
from app.stores.redis import DEAD, user_key

THREADS = 4
LOAD_S = 2.0
PATIENCE_S = 60.0
START_S = 1_700_000_000  # each event has a second of its own, so that it can be found again
USERS = [f"u{number:04d}" for number in range(40)] + [f"newcomer-{number}" for number in range(20)]

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Told:
    """One piece of feedback that was answered 202."""

    user_id: str
    impression_id: str
    item_id: str
    event: str
    at: int


@dataclass(slots=True)
class Load:
    """What the callers did: told for certain, and perhaps told (no answer came)."""

    told: list[Told] = field(default_factory=list)
    unanswered: list[Told] = field(default_factory=list)
    seconds: Iterator[int] = field(default_factory=lambda: itertools.count(START_S))
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self, url: str, number: int) -> None:
        """One caller, until everything falls down around it or it is told to stop."""
        turns = itertools.cycle(USERS[number::THREADS])
        with httpx.Client(base_url=url, timeout=5.0) as http, suppress(httpx.TransportError):
            while not self.stopped.is_set():
                self._turn(http, next(turns))

    def _turn(self, http: httpx.Client, user_id: str) -> None:
        answer = http.post("/recommend", json={"user_id": user_id, "limit": 5})
        if answer.status_code != httpx.codes.OK:
            return
        body = answer.json()
        for place, event in ((0, "click"), (0, "purchase"), (3, "like")):
            told = Told(user_id, body["impression_id"], body["items"][place]["item_id"], event, next(self.seconds))
            self._tell(http, told)

    def _tell(self, http: httpx.Client, told: Told) -> None:
        sent = {"impression_id": told.impression_id, "item_id": told.item_id, "event": told.event}
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(told.at))
        try:
            receipt = http.post("/feedback", json=sent | {"occurred_at": moment})
        except httpx.TransportError:
            self.unanswered.append(told)
            raise
        if receipt.status_code == httpx.codes.ACCEPTED:
            self.told.append(told)
        else:  # told to come back: nothing was promised
            self.unanswered.append(told)


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores of a running demo, asked directly."""

    redis_url: str
    database_url: str

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        url = make_url(self.database_url).set(drivername="postgresql").render_as_string(False)
        with psycopg.connect(url) as connection:
            return connection.execute(query.encode()).fetchall()

    def waiting(self) -> int:
        """Stream entries that no worker has handled yet."""
        with redis.Redis.from_url(self.redis_url) as client:
            groups: list[Any] = [
                group for stream in STREAMS if client.exists(stream) for group in client.xinfo_groups(stream)
            ]
        return sum(int(group["pending"]) + int(group["lag"] or 0) for group in groups)

    def dead(self) -> int:
        with redis.Redis.from_url(self.redis_url) as client:
            return int(client.xlen(DEAD))

    def memory(self, user_id: str) -> Memory | None:
        with redis.Redis.from_url(self.redis_url) as client:
            fields: Any = client.hmget(user_key(user_id), ["v", "h", "p", "a"])
        version, history, paths, tail = fields
        return None if version is None else codec.decode(int(version), history, paths, tail)


@contextmanager
def demo(home: Path, port: int) -> Iterator[psutil.Process]:
    """A demo that answers; at the end of the block all of it is killed."""
    with (home / "printed").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "demo", "--home", str(home), "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={"LRGD_CLAIM_IDLE_MS": "1000", "PATH": "/usr/bin:/bin", "HOME": str(home)},
            start_new_session=True,
        )
    parent = psutil.Process(process.pid)
    try:
        wait_for(lambda: ready(process, port, home))
        yield parent
    finally:
        kill_all(parent)
        process.wait()


def ready(process: subprocess.Popen[bytes], port: int, home: Path) -> bool:
    assert process.poll() is None, (home / "printed").read_text()
    with suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2.0).status_code == httpx.codes.OK
    return False


def kill_all(parent: psutil.Process) -> None:
    """Kills the demo, API, workers, Valkey and PostgreSQL: whoever descends from it, all stopped first."""
    family = [parent, *parent.children(recursive=True)]
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.suspend()
    for process in [*family, *parent.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(family[1:], timeout=10)


def wait_for(holds: Callable[[], bool]) -> None:
    """Returns as soon as it holds; fails when it never does."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def load_and_kill(load: Load, home: Path, port: int) -> None:
    """A demo under load whose every process is killed at one moment."""
    with demo(home, port) as parent, ThreadPoolExecutor(THREADS) as pool:
        before = len(load.told)
        callers = [pool.submit(load.run, f"http://127.0.0.1:{port}", number) for number in range(THREADS)]
        end = time.monotonic() + LOAD_S
        wait_for(lambda: time.monotonic() > end and len(load.told) > before + 20)
        kill_all(parent)
        for caller in callers:
            caller.result()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("killed")


def test_what_was_accepted_is_learned_from_exactly_once(home: Path) -> None:
    load, port = Load(), free_port()
    load_and_kill(load, home, port)
    load_and_kill(load, home, port)
    with demo(home, port):
        note = json.loads((home / "running.json").read_text())
        stores = Stores(note["redis_url"], note["database_url"])
        wait_for(lambda: stores.waiting() == 0)
        check_outcomes(load, stores)
        check_memories(load, stores)
        assert stores.dead() == 0


def check_outcomes(load: Load, stores: Stores) -> None:
    """One row for each piece of feedback that was accepted, none that was never sent."""
    rows = Counter(stores.rows("SELECT impression_id::text, item_id, event FROM outcomes WHERE event <> 'none'"))
    told = Counter((each.impression_id, each.item_id, each.event) for each in load.told)
    maybe = {(each.impression_id, each.item_id, each.event) for each in load.unanswered}
    assert set(told.values()) == {1}
    assert set(rows.values()) == {1}
    assert set(told) - set(rows) == set()
    assert set(rows) - set(told) <= maybe


def check_memories(load: Load, stores: Stores) -> None:
    """One event in the history for each, and each path moved once for each outcome that has an effect of it."""
    numbers = dict(stores.rows("SELECT item_id, number FROM items"))
    effects = Counter(
        stores.rows("SELECT user_id, (each->>'path')::int FROM outcomes, jsonb_array_elements(effects) AS each")
    )
    for user_id in {each.user_id for each in load.told}:
        memory = stores.memory(user_id)
        assert memory is not None
        held = Counter(memory.history.events.tolist())
        assert set(held.values()) == {1}
        mine = [each for each in load.told if each.user_id == user_id]
        for each in mine:
            assert held[numbers[each.item_id], each.at, KIND_CODES[EventKind(each.event)]] == 1
        counted = [effects[user_id, path.index] for path in memory.paths]  # a path without a line has no effects
        assert [path.statistics.rounds for path in memory.paths] == counted
