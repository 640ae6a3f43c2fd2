"""Stores that die under the service: the list stays full, the reasons are named, and all is well again afterwards."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.domain.impression import new_impression_id
from app.embedded import EmbeddedServers, embedded_servers
from app.embedded.process import leftovers
from app.embedded.valkey import _command, _program
from app.stores.schema import upgrade
from tests.integration.conftest import FittedShop
from tests.service import USER, Json, Service, fit_shop, ids, running, settings_of, until

pytestmark = pytest.mark.anyio
PORT = 8311
QUICK_S = 3.0  # far more than a deadline, far less than a connection's own patience


@pytest.fixture(scope="module")
def own_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, EmbeddedServers, FittedShop]]:
    """Servers that these tests may stop, with the sample shop."""
    home = tmp_path_factory.mktemp("own")
    with embedded_servers(home) as servers:
        upgrade(servers.database_url)
        yield home, servers, FittedShop("", fit_shop(home, servers.database_url))


class Switch:
    """Stops and continues the processes of one server; what it listens on does not change."""

    def __init__(self, folder: Path) -> None:
        self._processes = leftovers([folder])

    def _all(self, number: signal.Signals) -> None:
        everybody = [each for process in self._processes for each in family(process)]  # before any of them goes on
        for each in everybody:
            with_signal(each, number)

    def freeze(self) -> None:
        """The server stands still: connections hang."""
        self._all(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._all(signal.SIGCONT)


def family(process: psutil.Process) -> list[psutil.Process]:
    """The process and its children; asked again when one ended in between."""
    while process.is_running():
        with suppress(psutil.NoSuchProcess):
            return [process, *process.children(recursive=True)]
    return []


def with_signal(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):  # a backend ends when its client has gone
        process.send_signal(number)


@pytest.fixture
async def service(own_servers: tuple[Path, EmbeddedServers, FittedShop]) -> AsyncIterator[Service]:
    """The service on servers of its own, with a memory of the user."""
    home, servers, shop = own_servers
    settings = settings_of(
        home, redis_url=servers.redis_url, database_url=servers.database_url, artifacts=shop.artifacts
    )
    async with running(settings) as started:
        await started.start_over()
        await started.recommend()
        await started.drain()
        yield started


@pytest.fixture
def redis_switch(own_servers: tuple[Path, EmbeddedServers, FittedShop]) -> Iterator[Switch]:
    """Redis, to be frozen."""
    switch = Switch(own_servers[0] / "valkey")
    yield switch
    switch.thaw()


@pytest.fixture
def postgres_switch(own_servers: tuple[Path, EmbeddedServers, FittedShop]) -> Iterator[Switch]:
    """PostgreSQL, to be frozen."""
    switch = Switch(own_servers[0] / "postgres")
    yield switch
    switch.thaw()


async def quickly(call: Coroutine[Any, Any, Json]) -> Json:
    """The answer, which must not take anybody's patience."""
    async with asyncio.timeout(QUICK_S):
        return await call


async def healthy(service: Service) -> bool:
    answer = await service.recommend()
    return not answer["degraded"] and answer["path"] is not None


def full(answer: Json) -> None:
    assert len(answer["items"]) == len(set(ids(answer))) == 10


async def test_with_redis_frozen_answers_are_full_and_say_so(service: Service, redis_switch: Switch) -> None:
    before = await service.recommend()
    redis_switch.freeze()
    for _ in range(3):
        answer = await quickly(service.recommend(deadline_ms=1000))
        full(answer)
        assert set(answer["degraded_reasons"]) == {"memory_unavailable", "impression_not_recorded"}
        assert answer["served_by"] == "dual"
        assert any(part["kind"] == "history" for part in answer["items"][0]["because"])
    body = {"impression_id": before["impression_id"], "item_id": ids(before)[0], "event": "click"}
    refused = await service.http.post("/feedback", json=body)
    assert (refused.status_code, refused.json()["code"]) == (503, "store_down")
    ready = await service.http.get("/readyz")
    assert (ready.status_code, ready.json()["degraded"]) == (200, True)
    redis_switch.thaw()
    await until(lambda: healthy(service))
    await service.react(await service.recommend())


async def test_with_postgres_frozen_remembered_users_miss_nothing(service: Service, postgres_switch: Switch) -> None:
    postgres_switch.freeze()
    answer = await quickly(service.recommend())
    full(answer)
    assert (answer["degraded"], answer["path"] is not None) == (False, True)
    assert not (await service.react(answer))["duplicate"]
    stranger = await quickly(service.recommend("u0099"))
    full(stranger)
    assert stranger["degraded_reasons"] == ["history_unavailable"]
    stateless = await quickly(service.recommend("u0099", history=ids(answer)[:2]))
    assert stateless["degraded"] is False
    checks = {check["name"]: check["ok"] for check in (await service.http.get("/readyz")).json()["checks"]}
    assert checks == {"redis": True, "postgres": False, "model": True}
    postgres_switch.thaw()
    await until(lambda: _known(service, "u0099"))
    await service.drain()
    outcomes = (await service.http.get(f"/users/{USER}/outcomes")).json()
    assert answer["impression_id"] in {each["impression_id"] for each in outcomes}


async def test_a_deadline_holds_however_postgres_hangs(service: Service, postgres_switch: Switch) -> None:
    await service.recommend("u0098")  # connections to PostgreSQL are open
    postgres_switch.freeze()
    for user, most_s in (("u0097", 0.5), ("u0096", 0.05), ("u0095", 0.05)):  # only the first one waits
        begun = time.monotonic()
        answer = await service.recommend(user, deadline_ms=100)
        assert time.monotonic() - begun < most_s
        full(answer)
        assert answer["degraded_reasons"] == ["history_unavailable"]
    postgres_switch.thaw()
    await until(lambda: _known(service, "u0097"))


async def test_feedback_on_an_old_impression_is_refused_soon_while_postgres_hangs(
    service: Service, postgres_switch: Switch
) -> None:
    await service.recommend("u0098")
    postgres_switch.freeze()
    body = {"impression_id": new_impression_id(1_700_000_000_000), "item_id": "a", "event": "click"}
    begun = time.monotonic()
    refused = await service.http.post("/feedback", json=body)
    assert time.monotonic() - begun < 2 * service.settings.database_timeout_ms / 1000
    assert (refused.status_code, refused.json()["code"]) == (503, "store_down")
    assert "/" not in refused.json()["detail"]  # no address, no socket


async def _known(service: Service, user_id: str) -> bool:
    return not (await service.recommend(user_id))["degraded"]


async def test_with_both_frozen_lists_are_full(service: Service, redis_switch: Switch, postgres_switch: Switch) -> None:
    redis_switch.freeze()
    postgres_switch.freeze()
    answers = await asyncio.gather(*(quickly(service.recommend(f"u{number:04d}")) for number in range(30)))
    for answer in answers:
        full(answer)
        assert {"memory_unavailable", "history_unavailable"} <= set(answer["degraded_reasons"])
    redis_switch.thaw()
    postgres_switch.thaw()
    await until(lambda: healthy(service))


def _calls(service: Service) -> list[Callable[[], Coroutine[Any, Any, Any]]]:
    return [
        lambda: service.http.put("/items", json=[{"item_id": "x", "title": "X"}]),
        lambda: service.http.delete("/items/nowhere"),
        lambda: service.http.get(f"/users/{USER}/outcomes"),
        lambda: service.http.get(f"/users/{USER}/rounds"),
    ]


@asynccontextmanager
async def valkey_at(port: int, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Valkey on this port and data, killed at the end."""
    command = _command(_program(), folder, port)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    try:
        await until(lambda: _listens(port))
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_server_that_was_killed_and_comes_back_is_used_again(tmp_path: Path, fitted_shop: FittedShop) -> None:
    """Redis is killed for good, then another one runs on its data at its address; there is no PostgreSQL at all."""
    settings = settings_of(
        tmp_path,
        redis_url=f"redis://127.0.0.1:{PORT}/0",
        database_url="postgresql://nobody@127.0.0.1:1/nothing",
        artifacts=fitted_shop.artifacts,
    )
    async with AsyncExitStack() as first:
        process = await first.enter_async_context(valkey_at(PORT, tmp_path))
        async with running(settings) as service:
            before = await service.recommend()
            full(before)
            for call in _calls(service):
                assert (await call()).status_code == 503
            process.kill()
            await first.aclose()
            without = await quickly(service.recommend())
            full(without)
            assert set(without["degraded_reasons"]) >= {"memory_unavailable", "impression_not_recorded"}
            async with valkey_at(PORT, tmp_path):
                await until(lambda: _recorded(service))
                await service.react(before)


async def _recorded(service: Service) -> bool:
    return "impression_not_recorded" not in (await service.recommend())["degraded_reasons"]


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
