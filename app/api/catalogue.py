"""PUT /items, DELETE /items/{item_id}, POST /events."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

import app.api.paths  # noqa: F401 - teaches Starlette the kind "id"
from app.api.bodies import body_of, elements
from app.api.problems import documented, example
from app.api.schemas import EventBody, EventsReceipt, Id, IgnoredEvent, ItemBody, ItemsReceipt
from app.domain.items import Interaction, Item
from app.errors import UnknownItem
from app.runtime import Runtime

router = APIRouter(tags=["catalogue"])
_ITEM = {"item_id": "15454", "title": "Portal 2", "brand": "Valve", "categories": ["PC", "Puzzle"], "price": 9.99}
_EVENT = {"user_id": "u1", "item_id": "15454", "event": "purchase", "occurred_at": "2026-01-31T12:00:00Z"}


@router.put(
    "/items",
    openapi_extra=body_of(ItemBody, _ITEM),
    responses=example({"inserted": 1, "updated": 0, "unchanged": 0}) | documented(401, 403, 413, 415, 422, 429, 503),
)
async def put_items(request: Request) -> ItemsReceipt:
    """Adds or replaces up to 10,000 items; all of them or, when one is malformed, none."""
    runtime: Runtime = request.app.state.runtime
    bodies = await elements(request, ItemBody)
    result = await runtime.catalogue.upsert_items([_item(body) for body in bodies])
    return ItemsReceipt(inserted=result.inserted, updated=result.updated, unchanged=result.unchanged)


@router.delete("/items/{item_id:id}", status_code=204, responses=documented(401, 403, 404, 422, 429, 503))
async def delete_item(request: Request, item_id: Id) -> Response:
    """Takes an item out of every recommendation; putting it again brings it back."""
    runtime: Runtime = request.app.state.runtime
    if not await runtime.catalogue.delete_item(item_id):
        raise UnknownItem(f"no item {item_id}")
    return Response(status_code=204)


@router.post(
    "/events",
    openapi_extra=body_of(EventBody, _EVENT),
    responses=example({"accepted": 1, "duplicates": 0, "ignored": []}) | documented(401, 403, 413, 415, 422, 429, 503),
)
async def post_events(request: Request) -> EventsReceipt:
    """Imports up to 10,000 past events; a repeat changes nothing, events of unknown items are named and left out."""
    runtime: Runtime = request.app.state.runtime
    bodies = await elements(request, EventBody)
    numbers = await runtime.catalogue.numbers(sorted({body.item_id for body in bodies}))
    known = [
        Interaction(body.user_id, numbers[body.item_id], int(body.occurred_at.timestamp()), body.event)
        for body in bodies
        if body.item_id in numbers
    ]
    inserted = await runtime.catalogue.add_interactions(known)
    await runtime.streams.rebuild(sorted({each.user_id for each in known}))
    ignored = [
        IgnoredEvent(index=index, item_id=body.item_id, reason="unknown")
        for index, body in enumerate(bodies)
        if body.item_id not in numbers
    ]
    return EventsReceipt(accepted=inserted, duplicates=len(known) - inserted, ignored=ignored)


def _item(body: ItemBody) -> Item:
    return Item(body.item_id, body.title, body.brand, tuple(body.categories), body.price, body.description)
