"""The busiest endpoint, answered before FastAPI's general machinery is entered.

Dependencies, exit stacks, exception layers and response models have nothing to do for an endpoint that turns one JSON
body into another, and cost as much as ranking does. FastAPI knows the same endpoint: it documents it, and would serve
it too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

Handler = Callable[[Scope, bytes], Awaitable[bytes]]  # from the request's scope and body to the body of its answer


@dataclass(frozen=True, slots=True)
class Lane:
    """One endpoint: how it is asked for, and who answers."""

    method: str
    path: str
    answer: Handler


class Express:
    """Answers its lanes and passes everything else on; errors are the business of the boundary around it."""

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
        body = await _read(receive)
        if body is None:
            return  # nobody is there any more to hear the answer
        answer = await lane.answer(scope, body)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


async def _read(receive: Receive) -> bytes | None:
    """The whole body, None when the caller hung up before it was complete."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)
