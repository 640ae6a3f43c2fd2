"""The API: doors, handlers and lifespan put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from app import __version__
from app.api import catalogue, feedback, ops, recommend, users
from app.api.boundary import Boundary
from app.api.problems import add_handlers
from app.api.schemas import EventBody, ItemBody, Problem
from app.api.security import Gate
from app.settings import Settings
from app.wiring import open_runtime

_REFERENCE = "#/components/schemas/{model}"


def create_app(settings: Settings) -> FastAPI:
    """The ASGI application; its runtime opens and closes with it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_runtime(settings, learns=False) as runtime:
            app.state.runtime = runtime
            yield

    app = FastAPI(
        title="lrgd",
        version=__version__,
        summary="An online recommender that learns in context.",
        lifespan=lifespan,
        redoc_url=None,
    )
    app.state.gate = Gate(settings)
    for module in (recommend, feedback, catalogue, users, ops):
        app.include_router(module.router)
    add_handlers(app)
    app.add_middleware(Boundary, max_body_bytes=settings.max_body_bytes)
    app.add_middleware(CorrelationIdMiddleware, validator=None, transformer=lambda given: given[:128])
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document with the models that raw bodies and problems refer to."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        _, extra = models_json_schema(
            [(ItemBody, "validation"), (EventBody, "validation"), (Problem, "serialization")], ref_template=_REFERENCE
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(extra.get("$defs", {}))
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        app.openapi_schema = document
    return app.openapi_schema
