"""Every error as application/problem+json with a stable code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from app.api.schemas import Problem
from app.errors import FieldError, InvalidBody, InvalidRequest, LrgdError, NotFound

LISTED_FAULTS, NAME_LENGTH, MESSAGE_LENGTH = 20, 100, 200
MANY_FAULTS = 2_000
CODES = {404: ("not_found", "Not found"), 405: ("method_not_allowed", "Method not allowed")}


def problem(error: LrgdError) -> Response:
    """The response for an error of ours."""
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}
    return _response(error.status, error.code, error.title, error.detail, errors=error.errors, headers=headers)


def complaints(error: ValidationError) -> list[Any]:
    """Pydantic's complaints, or one that stands for them where listing them would take long."""
    count = error.error_count()
    if count > MANY_FAULTS:
        return [{"type": "too_many", "loc": (), "msg": f"has {count} faults"}]
    return list(error.errors(include_url=False, include_input=False))


def invalid(errors: Sequence[Any]) -> InvalidRequest:
    """Pydantic's complaints as one error that names the first LISTED_FAULTS fields."""
    if any(error["type"] == "json_invalid" for error in errors):
        detail = str(errors[0].get("ctx", {}).get("error", "not valid JSON"))
        return InvalidBody(_cut(detail, MESSAGE_LENGTH))
    faults = [
        FieldError(field=_cut(_field(error["loc"]), NAME_LENGTH), message=_cut(error["msg"], MESSAGE_LENGTH))
        for error in errors[:LISTED_FAULTS]
    ]
    detail = "; ".join(f"{fault['field']}: {fault['message']}" for fault in faults[:5])
    return InvalidRequest(f"{detail}; and more" if len(errors) > 5 else detail, errors=faults)


def add_handlers(app: FastAPI) -> None:
    """Makes every error that reaches FastAPI a problem."""

    @app.exception_handler(LrgdError)
    async def _ours(_request: Request, error: LrgdError) -> Response:
        return problem(error)

    @app.exception_handler(RequestValidationError)
    async def _request_invalid(_request: Request, error: RequestValidationError) -> Response:
        return problem(invalid(error.errors()))

    @app.exception_handler(ValidationError)
    async def _body_invalid(_request: Request, error: ValidationError) -> Response:
        return problem(invalid(complaints(error)))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, LrgdError):  # raised while FastAPI was reading the body
            return problem(error.__cause__)
        if error.status_code == NotFound.status:
            return problem(NotFound(f"no route {request.method} {request.url.path}"))
        if error.status_code == 400:  # FastAPI's word for a body whose bytes are no text
            return problem(InvalidBody(str(error.detail)))
        code, title = CODES.get(error.status_code, ("http_error", "HTTP error"))
        return _response(error.status_code, code, title, str(error.detail), headers=dict(error.headers or {}))


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entries of these error statuses."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": _DESCRIPTIONS[status], "content": content} for status in statuses}


def example(body: object, *, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entry of an answer that looks like this."""
    return {status: {"content": {"application/json": {"example": body}}}}


_DESCRIPTIONS = {
    401: "No valid API key.",
    403: "The API key lacks the scope.",
    404: "No such resource.",
    413: "The body is too large.",
    415: "The body is of a type that is not read here.",
    422: "The request is malformed; `errors` names the fields.",
    429: "Too many requests; see Retry-After.",
    503: "A store that this request cannot do without is down.",
}


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _field(location: tuple[Any, ...]) -> str:
    parts = location[1:] if location and location[0] in {"body", "query", "path", "header"} else location
    return ".".join(_cut(str(part), NAME_LENGTH) for part in parts) or "body"


def _response(
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    errors: list[FieldError] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    body = Problem(type=f"urn:lrgd:problem:{code}", title=title, status=status, code=code, detail=detail).model_dump(
        exclude_none=True
    )
    if errors:
        body["errors"] = errors
    return Response(orjson.dumps(body), status, headers, media_type="application/problem+json")
