"""The service over ASGI with a fitted sample shop, and its workers under the test's hand."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import uvloop
from fastapi import FastAPI
from redis.asyncio import Redis
from sqlalchemy import make_url

from app.cli.fit import fit_now
from app.cli.ingest import ingest_folder
from app.main import create_app
from app.runtime import Runtime
from app.sample import write_shop
from app.settings import Settings
from app.stores.catalogue import Catalogue
from app.stores.database import open_engine
from app.wiring import open_runtime
from workers.broker import Subscription, create_groups
from workers.entry import Entry
from workers.run import Worker, subscriptions

PATIENCE_S = 20.0
USER = "u0007"  # a shopper of the sample shop with a history
EVERYBODY = tuple(Worker)
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Service:
    """A running API with a client, and a Runtime of the workers on the same stores."""

    settings: Settings
    app: FastAPI
    http: httpx.AsyncClient
    workers: Runtime
    redis: Redis
    readers: tuple[Subscription, ...]

    @property
    def api(self) -> Runtime:
        """The Runtime of the API."""
        runtime: Runtime = self.app.state.runtime
        return runtime

    async def recommend(self, user_id: str = USER, *, headers: dict[str, str] | None = None, **body: object) -> Json:
        """The answer to a recommendation that must succeed."""
        answer = await self.http.post("/recommend", json={"user_id": user_id, **body}, headers=headers)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def react(self, answer: Json, *, place: int = 0, event: str = "purchase", **more: object) -> Json:
        """The receipt of feedback on one returned item."""
        body = {"impression_id": answer["impression_id"], "item_id": answer["items"][place]["item_id"], "event": event}
        response = await self.http.post("/feedback", json=body | more)
        assert response.status_code == 202, response.text
        receipt: Json = response.json()
        return receipt

    async def drain(self, *workers: Worker) -> int:
        """Lets these workers (all when none is named) handle all that waits; how many entries that was."""
        handled, before = 0, -1
        while handled != before:
            before = handled
            for each in self.readers:
                if not workers or each.worker in workers:
                    handled += await self._drain(each)
        return handled

    async def start_over(self) -> None:
        """Forgets everything in Redis; the workers' groups are made anew."""
        await self.redis.flushdb()
        await create_groups(str(self.settings.redis_url), self.readers)

    async def _drain(self, reader: Subscription) -> int:
        handled = 0
        while entries := await self.take(reader):
            await reader.handler(entries)
            await self.redis.xack(reader.stream, reader.worker, *(each.entry_id for each in entries))
            handled += len(entries)
        return handled

    async def take(self, reader: Subscription, *, count: int = 100) -> list[Entry]:
        """The next entries of a subscription, delivered and not acknowledged."""
        found: Any = await self.redis.xreadgroup(reader.worker, "test", {reader.stream: ">"}, count=count)
        rows = found.get(reader.stream.encode(), [[]])[0] if isinstance(found, dict) else found[0][1] if found else []
        return [Entry(entry_id.decode(), fields[b"d"]) for entry_id, fields in rows]

    def reader(self, stream: str) -> Subscription:
        """The subscription to a stream."""
        return next(each for each in self.readers if each.stream == stream)

    async def rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Rows of the database."""
        url = make_url(str(self.settings.database_url)).set(drivername="postgresql").render_as_string(False)
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            return await (await connection.execute(query.encode(), arguments)).fetchall()

    async def entries(self, stream: str) -> list[Entry]:
        """All entries of a stream."""
        rows: Any = await self.redis.xrange(stream)
        return [Entry(entry_id.decode(), fields[b"d"]) for entry_id, fields in rows]

    async def keys_about(self, text: str) -> list[str]:
        """The Redis keys whose name or content mentions a text."""
        mentioned = [key async for key in self.redis.scan_iter(count=1000) if await self._mentions(key, text.encode())]
        return sorted(key.decode() for key in mentioned)

    async def _mentions(self, key: bytes, text: bytes) -> bool:
        kind: Any = await self.redis.type(key)
        read: dict[str, Callable[[bytes], Awaitable[Any]]] = {
            "hash": self.redis.hgetall,
            "set": self.redis.smembers,
            "stream": self.redis.xrange,
            "string": self.redis.get,
        }
        return text in key or text in repr(await read[kind.decode()](key)).encode()


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Service]:
    """The API over ASGI with its lifespan, and a Runtime for its workers."""
    app = create_app(settings)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        open_runtime(settings, learns=True) as workers,
        Redis.from_url(str(settings.redis_url)) as redis,
        httpx.AsyncClient(transport=transport, base_url="http://test") as http,
    ):
        readers = tuple(subscriptions(workers, EVERYBODY))
        await create_groups(str(settings.redis_url), readers)
        yield Service(settings, app, http, workers, redis, readers)


def settings_of(home: Path, *, redis_url: str, database_url: str, **more: object) -> Settings:
    """Settings for a test: no keys, items looked for often."""
    given: Json = {"home": home, "redis_url": redis_url, "database_url": database_url, "auth": "off", "refresh_s": 0.05}
    return Settings(**(given | more))


def fit_shop(home: Path, database_url: str) -> Path:
    """Stores and fits the sample shop; returns the folder of the artifact."""
    shop = write_shop(home / "shop", now=int(time.time()))
    settings = settings_of(home, redis_url="redis://unused", database_url=database_url)

    async def fill() -> None:
        engine = open_engine(database_url, pool_size=2)
        await ingest_folder(shop, Catalogue(engine))
        await engine.dispose()
        await fit_now(settings)

    uvloop.run(fill())
    return settings.artifact_folder


def copy_artifact(artifacts: Path, home: Path) -> Path:
    """A copy of the fitted artifact for one test."""
    return Path(shutil.copytree(artifacts, home / "artifacts"))


async def until(holds: Callable[[], Awaitable[bool]], *, patience_s: float = PATIENCE_S) -> None:
    """Returns as soon as the condition holds; fails the test when it never does."""
    async with asyncio.timeout(patience_s):
        while not await holds():  # noqa: ASYNC110 - what is awaited lies outside this process
            await asyncio.sleep(0.01)


def ids(answer: Json) -> Sequence[str]:
    """The ids of the returned items, best first."""
    return [item["item_id"] for item in answer["items"]]
