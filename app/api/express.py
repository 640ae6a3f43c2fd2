"""The busiest endpoint, answered before FastAPI's general machinery is entered.

Dependencies, exit stacks, exception layers and response models have nothing to do for `(request, body) -> Response`,
and cost as much as ranking does. FastAPI knows the same endpoint: it documents it, and would serve it too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from fastapi import Request, Response
from pydantic import BaseModel, ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.problems import invalid

Handler = Callable[[Request], Awaitable[Response]]
Body = TypeVar("Body", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Lane:
    """One endpoint: how it is asked for, and who answers."""

    method: str
    path: str
    handle: Handler


class Express:
    """Answers its lanes and passes everything else on."""

    def __init__(self, app: ASGIApp, *, lanes: tuple[Lane, ...]) -> None:
        self._app = app
        self._lanes = {(lane.method, lane.path): lane for lane in lanes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The answer of the lane with this method and path, or of the application behind."""
        lane = self._lanes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if lane is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = lane
        response = await lane.handle(Request(scope, receive))
        await response(scope, receive, send)


def reading(model: type[Body], endpoint: Callable[[Request, Body], Awaitable[Response]]) -> Handler:
    """The endpoint with its body read and validated in one step; raises InvalidRequest as FastAPI's way does."""

    async def handle(request: Request) -> Response:
        try:
            body = model.model_validate_json(await request.body())
        except ValidationError as error:
            raise invalid(list(error.errors(include_url=False))) from error
        return await endpoint(request, body)

    return handle
