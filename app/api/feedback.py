"""POST /feedback and /feedback/batch."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field, TypeAdapter

from app.api.bodies import described, parsed
from app.api.problems import documented, example
from app.api.schemas import BatchReceipt, FeedbackReceipt, FeedbackRequest
from app.errors import UnknownImpression
from app.serving.feedback import Report, feedback

router = APIRouter(tags=["serving"])
_ONE = TypeAdapter(FeedbackRequest)
_MANY = TypeAdapter(Annotated[list[FeedbackRequest], Field(min_length=1, max_length=500)])
_SCHEMA = {"$ref": "#/components/schemas/FeedbackRequest"}
_EXAMPLE = {"impression_id": "019717f4-2c8e-7d3a-9f5e-6b1c0a2d4e8f", "item_id": "15454", "event": "purchase"}


@router.post(
    "/feedback",
    status_code=202,
    responses=example({"accepted": True, "duplicate": False}, status=202)
    | documented(401, 403, 404, 413, 415, 422, 429, 503),
    openapi_extra=described(_SCHEMA, _EXAMPLE),
)
async def post_feedback(request: Request) -> FeedbackReceipt:
    """Takes feedback; it is durable once this answers 202."""
    body = await parsed(request, _ONE)
    (receipt,) = await feedback(request.app.state.runtime, [_report(body)], now_s=int(time.time()))
    if not receipt.known:
        raise UnknownImpression(f"no impression {body.impression_id}")
    return FeedbackReceipt(accepted=True, duplicate=receipt.duplicate)


@router.post(
    "/feedback/batch",
    status_code=202,
    responses=example([{"accepted": True, "duplicate": False, "code": None}], status=202)
    | documented(401, 403, 413, 415, 422, 429, 503),
    openapi_extra=described({"type": "array", "items": _SCHEMA, "minItems": 1, "maxItems": 500}, [_EXAMPLE]),
)
async def post_feedback_batch(request: Request) -> list[BatchReceipt]:
    """Takes up to 500 pieces of feedback, answered one by one in their order."""
    body = await parsed(request, _MANY)
    receipts = await feedback(request.app.state.runtime, [_report(each) for each in body], now_s=int(time.time()))
    return [
        BatchReceipt(accepted=True, duplicate=receipt.duplicate)
        if receipt.known
        else BatchReceipt(accepted=False, duplicate=False, code="unknown_impression")
        for receipt in receipts
    ]


def _report(body: FeedbackRequest) -> Report:
    return Report(
        impression_id=body.impression_id,
        item_id=body.item_id,
        event=body.event,
        occurred_at=None if body.occurred_at is None else int(body.occurred_at.timestamp()),
        position=body.position,
        value=body.value,
        event_id=body.event_id,
    )
