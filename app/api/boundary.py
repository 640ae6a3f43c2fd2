"""What wraps every request: keys, body limit, metrics, and an answer even to our own defects."""

from __future__ import annotations

import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import metrics
from app.api.problems import problem
from app.api.security import Gate
from app.errors import BodyTooLarge, LrgdError
from app.log import REQUEST_ID, get_logger

_log = get_logger(__name__)
REQUEST_ID_LENGTH = 128


class Boundary:
    """The outermost layer that is ours, as plain ASGI: it costs each request a few microseconds."""

    def __init__(self, app: ASGIApp, *, gate: Gate, max_body_bytes: int) -> None:
        self._app = app
        self._gate = gate
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on; measures it; turns what nobody handled into a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = 0
        request_id = _request_id(scope)
        REQUEST_ID.set(request_id)
        tag = (b"x-request-id", request_id.encode("latin-1"))

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), tag]
            await send(message)

        try:
            await self._gate.check(scope)
            self._check_length(scope)
            await self._app(scope, self._limited(receive), watched)
        except LrgdError as error:
            if not status:
                await problem(error)(scope, receive, watched)
        except Exception as error:  # noqa: BLE001 - whatever it was, the caller gets a problem and we get the log
            _log.exception("unhandled_error", path=scope["path"], error=repr(error))
            if not status:
                defect = LrgdError("an error of ours; the log has it under this request id")
                await problem(defect)(scope, receive, watched)
        finally:
            _measure(scope, status, time.perf_counter() - begun)

    def _check_length(self, scope: Scope) -> None:
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > self._max_body_bytes:
                raise self._too_large()

    def _limited(self, receive: Receive) -> Receive:
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_body_bytes:
                raise self._too_large()
            return message

        return limited

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the body is larger than {self._max_body_bytes} bytes")


def _request_id(scope: Scope) -> str:
    """The caller's X-Request-ID where it sent a sensible one, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given: str = value.decode("latin-1")
            if given.isascii() and given.isprintable() and 1 <= len(given) <= REQUEST_ID_LENGTH:
                return given
    return secrets.token_hex(16)


def _measure(scope: Scope, status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", "unknown")
    metrics.measure_request(route, scope["method"], status, seconds)
