"""The API: doors, handlers and lifespan put together."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from app import __version__
from app.api import catalogue, feedback, ops, recommend, users
from app.api.boundary import Boundary
from app.api.express import Express
from app.api.problems import add_handlers
from app.api.schemas import EventBody, FeedbackRequest, ItemBody, Problem
from app.api.security import Gate, scope_of
from app.settings import Settings
from app.wiring import open_runtime

_BODIES = (FeedbackRequest, ItemBody, EventBody)  # which their endpoints read themselves
_REFERENCE = "#/components/schemas/{model}"


def create_app(settings: Settings) -> FastAPI:
    """The ASGI application; its runtime opens and closes with it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_runtime(settings, learns=False) as runtime:
            app.state.runtime = runtime
            _spare_the_collector()
            try:
                yield
            finally:
                await gate.close()

    gate = Gate(settings)
    app = FastAPI(
        title="lrgd",
        version=__version__,
        summary="An online recommender that learns in context.",
        lifespan=lifespan,
        redirect_slashes=False,
        strict_content_type=False,  # the boundary has looked at it
        redoc_url=None,
    )
    for module in (recommend, feedback, catalogue, users, ops):
        app.include_router(module.router)
    add_handlers(app)
    app.add_middleware(Express, lanes=(recommend.LANE,))
    app.add_middleware(Boundary, gate=gate, max_body_bytes=settings.max_body_bytes)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


def _spare_the_collector() -> None:
    """Leaves what start-up made out of garbage collections, and makes them rare: requests leave no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document with the models that raw bodies and problems refer to."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        _, extra = models_json_schema(
            [*((body, "validation") for body in _BODIES), (Problem, "serialization")], ref_template=_REFERENCE
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(extra.get("$defs", {}))
        document["components"]["securitySchemes"] = {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if scope := scope_of(method.upper(), path):
                    operation["security"] = [{"key": []}]
                    operation["description"] = f"{operation.get('description', '')}\n\nScope: {scope}."
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        app.openapi_schema = document
    return app.openapi_schema
