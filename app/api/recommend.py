"""POST /recommend."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError
from starlette.types import Scope

from app.api.express import Lane
from app.api.problems import complaints, documented, invalid
from app.api.schemas import RecommendRequest, RecommendResponse
from app.errors import FieldError, InvalidRequest
from app.runtime import Runtime
from app.serving.recommend import Ask, recommend

router = APIRouter(tags=["serving"])
KEY_LENGTH = 255
_EXAMPLE: dict[str, Any] = {
    "impression_id": "019717f4-2c8e-7d3a-9f5e-6b1c0a2d4e8f",
    "user_id": "u1",
    "items": [
        {
            "item_id": "15454",
            "title": "Portal 2",
            "rank": 1,
            "score": 0.83,
            "because": [
                {"kind": "history", "item_id": "14778", "weight": 0.41},
                {"kind": "other", "item_id": None, "weight": 0.42},
            ],
        }
    ],
    "served_by": "dual",
    "model": "20250406T120000-5e1f0c",
    "path": 1,
    "mixture": None,
    "propensity": 0.62,
    "demonstration": {
        "id": "3f0c6f0e-6a64-4a5c-9a83-0d6d6c9b3f11",
        "version": 4,
        "lines": ["after Half-Life 2 chose Portal 2"],
    },
    "ignored": [{"item_id": "zz", "reason": "unknown"}],
    "degraded": False,
    "degraded_reasons": [],
    "timings_ms": {"memory": 0.9, "rank": 0.2, "total": 2.1},
}


@router.post(
    "/recommend",
    responses={
        200: {"model": RecommendResponse, "content": {"application/json": {"example": _EXAMPLE}}},
        **documented(401, 403, 413, 415, 422, 429),
    },
    openapi_extra={
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "The same key from the same user returns the stored answer.",
                "schema": {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH},
            }
        ],
        "requestBody": {
            "content": {
                "application/json": {"example": {"user_id": "u1", "limit": 5, "candidates": ["15454", "14778"]}}
            }
        },
    },
)
async def post_recommend(request: Request, body: RecommendRequest) -> Response:
    """Ranks for a user; with the same Idempotency-Key from the same user the stored answer comes back."""
    answer = await recommend(request.app.state.runtime, _ask(body, request.headers.get("idempotency-key")))
    return Response(answer, media_type="application/json")


async def _answer(scope: Scope, content: bytes) -> bytes:
    """What `post_recommend` answers, straight from the body's bytes."""
    try:
        body = RecommendRequest.model_validate_json(content)
    except ValidationError as error:
        raise invalid(complaints(error)) from error
    key = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"idempotency-key"), None)
    runtime: Runtime = scope["app"].state.runtime
    return await recommend(runtime, _ask(body, key))


def _ask(body: RecommendRequest, idempotency_key: str | None) -> Ask:
    if idempotency_key is not None and not 1 <= len(idempotency_key) <= KEY_LENGTH:
        fault = FieldError(field="Idempotency-Key", message=f"must have 1 to {KEY_LENGTH} characters")
        raise InvalidRequest(f"{fault['field']}: {fault['message']}", errors=[fault])
    return Ask(
        user_id=body.user_id,
        started=time.monotonic(),
        now_ms=int(time.time() * 1000),
        limit=body.limit,
        candidates=body.candidates,
        history=body.history,
        exclude=body.exclude or (),
        path=body.path,
        deadline_ms=body.deadline_ms,
        at=None if body.at is None else int(body.at.timestamp()),
        idempotency_key=idempotency_key,
    )


LANE = Lane("POST", "/recommend", _answer)
