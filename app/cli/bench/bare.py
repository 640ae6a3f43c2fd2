"""The yardstick: the barest FastAPI endpoint that validates the body of /recommend and does one Redis GET."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from redis.asyncio import Redis

from app.api.schemas import RecommendRequest


def create_bare() -> FastAPI:
    """The application; LRGD_REDIS_URL says where the Redis is."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with Redis.from_url(os.environ["LRGD_REDIS_URL"]) as redis:
            app.state.redis = redis
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/readyz")
    async def ready() -> bool:
        return True

    @app.post("/recommend")
    async def recommend(request: Request, body: RecommendRequest) -> dict[str, bool]:
        return {"known": await request.app.state.redis.get(body.user_id) is not None}

    return app
