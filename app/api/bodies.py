"""Long bodies: a JSON list, or NDJSON with one element a line; every fault is named by its index or line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import orjson
from fastapi import Request
from pydantic import BaseModel, TypeAdapter, ValidationError

from app.api.problems import LISTED_FAULTS, complaints, invalid
from app.errors import FieldError, InvalidBody, InvalidRequest

MOST = 10_000  # elements a call
NDJSON = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"})
Body = TypeVar("Body")
Element = TypeVar("Element", bound=BaseModel)


async def elements(request: Request, kind: type[Element]) -> list[Element]:
    """The elements of the body; raises InvalidRequest or InvalidBody and takes nothing of a body with a fault."""
    body = await request.body()
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    rows, names = _lines(body) if content_type in NDJSON else _list(body)
    if not 1 <= len(rows) <= MOST:
        raise InvalidRequest(f"send 1 to {MOST} elements, not {len(rows)}")
    try:
        return TypeAdapter(list[kind]).validate_python(rows)  # type: ignore[valid-type]
    except ValidationError as error:
        raise invalid(_faults(rows, names, kind)) from error


async def parsed(request: Request, kind: TypeAdapter[Body]) -> Body:
    """The body as this type; raises InvalidRequest or InvalidBody.

    FastAPI would do the same, and make a list of all faults first, of which a body can have a hundred thousand.
    """
    try:
        return kind.validate_json(await request.body())
    except ValidationError as error:
        raise invalid(complaints(error)) from error


def described(schema: dict[str, Any], example: object) -> dict[str, Any]:
    """The OpenAPI description of a JSON body."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}}


def body_of(kind: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI description of such a body."""
    element = {"$ref": f"#/components/schemas/{kind.__name__}"}
    listed = {"type": "array", "items": element, "minItems": 1, "maxItems": MOST}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": listed, "example": [example]},
                "application/x-ndjson": {
                    "schema": {"type": "string"},
                    "example": orjson.dumps(example).decode() + "\n",
                },
            },
        }
    }


def _faults(rows: list[Any], names: Sequence[str | int], kind: type[BaseModel]) -> list[Any]:
    """The first faults, row by row: a body may have millions, and listing them all would take seconds."""
    faults: list[Any] = []
    for name, row in zip(names, rows, strict=True):
        try:
            kind.model_validate(row)
        except ValidationError as error:
            faults += [{**fault, "loc": (name, *fault["loc"])} for fault in complaints(error)]
            if len(faults) > LISTED_FAULTS:
                break
    return faults


def _list(body: bytes) -> tuple[list[Any], Sequence[str | int]]:
    """The elements, and what each is called in a complaint: its index."""
    try:
        rows = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidBody(f"{error} (for one element a line send Content-Type: application/x-ndjson)") from error
    if not isinstance(rows, list):
        raise InvalidRequest("body: a list is needed", errors=[FieldError(field="body", message="a list is needed")])
    return rows, range(len(rows))


def _lines(body: bytes) -> tuple[list[Any], Sequence[str | int]]:
    """The elements, and what each is called in a complaint: its line."""
    rows, names = [], []
    for number, line in enumerate(body.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            rows.append(orjson.loads(line))
        except orjson.JSONDecodeError as error:
            raise InvalidBody(
                f"line {number}: {error}", errors=[FieldError(field=f"line {number}", message=str(error))]
            ) from error
        names.append(f"line {number}")
    return rows, names
