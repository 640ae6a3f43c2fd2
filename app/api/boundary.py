"""What wraps every request: keys, body limit, metrics, and an answer even to our own defects."""

from __future__ import annotations

import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import metrics
from app.api.bodies import NDJSON
from app.api.problems import problem
from app.api.security import Gate
from app.errors import BodyTooLarge, LrgdError, UnsupportedMediaType
from app.log import REQUEST_ID, get_logger

_log = get_logger(__name__)
REQUEST_ID_LENGTH = 128
_JSON, _BULK = frozenset({"application/json"}), frozenset({"application/json"}) | NDJSON
READS = {  # what each endpoint with a body reads
    ("POST", "/recommend"): _JSON,
    ("POST", "/feedback"): _JSON,
    ("POST", "/feedback/batch"): _JSON,
    ("PUT", "/items"): _BULK,
    ("POST", "/events"): _BULK,
}
MOST_BYTES = {"/feedback/batch": 1_000_000}  # bodies of elsewhere, but for the bulk ones, are small
SMALL_BYTES = 256_000
BULK = frozenset({"/items", "/events"})


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
            most = self._most_bytes(scope["path"])
            _check_headers(scope, most)
            await self._app(scope, _limited(receive, most), watched)
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

    def _most_bytes(self, path: str) -> int:
        if path in BULK:
            return self._max_body_bytes
        return min(MOST_BYTES.get(path, SMALL_BYTES), self._max_body_bytes)


def _check_headers(scope: Scope, most: int) -> None:
    """Raises BodyTooLarge or UnsupportedMediaType; a body of no type is taken for JSON."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            if value.isdigit() and int(value) > most:
                raise _too_large(most)
        elif name == b"content-type" and value and value != b"application/json":
            reads = READS.get((scope["method"], scope["path"]))
            kind = value.partition(b";")[0].strip().lower().decode("latin-1")
            if reads is not None and kind not in reads:
                raise UnsupportedMediaType(f"send {' or '.join(sorted(reads))}")


def _limited(receive: Receive, most: int) -> Receive:
    received = 0

    async def limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > most:
            raise _too_large(most)
        return message

    return limited


def _too_large(most: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body is larger than {most} bytes")


def _request_id(scope: Scope) -> str:
    """The caller's X-Request-ID where it sent a sensible one, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given: str = value.decode("latin-1")
            if given.isascii() and given.isprintable() and 1 <= len(given) <= REQUEST_ID_LENGTH:
                return given
    return secrets.token_hex(16)


def _measure(scope: Scope, status: int, seconds: float) -> None:
    served = scope.get("route")
    route: str = getattr(served, "path_format", "") or getattr(served, "path", "unknown")
    metrics.measure_request(route, scope["method"], status, seconds)
