"""Long bodies, and the names of their faults."""

from __future__ import annotations

import pytest
from fastapi import Request

from app.api.bodies import MOST, elements
from app.api.problems import LISTED_FAULTS
from app.api.schemas import EventBody, ItemBody
from app.errors import InvalidBody, InvalidRequest

pytestmark = pytest.mark.anyio

NDJSON = "application/x-ndjson; charset=utf-8"


def request(body: bytes, content_type: str = "application/json") -> Request:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", content_type.encode())]
    return Request({"type": "http", "method": "PUT", "path": "/items", "headers": headers}, receive)


async def test_a_list_and_lines_say_the_same() -> None:
    listed = await elements(request(b'[{"item_id":"a","title":"A"},{"item_id":"b","title":"B"}]'), ItemBody)
    lines = b'{"item_id":"a","title":"A"}\n\n  \r\n{"item_id":"b","title":"B"}'
    assert await elements(request(lines, NDJSON), ItemBody) == listed
    assert [each.item_id for each in listed] == ["a", "b"]


async def test_a_malformed_line_is_named_by_its_number() -> None:
    body = b'{"item_id":"a","title":"A"}\n\n{"item_id":"b"\n{"item_id":"c","title":"C"}\n'
    with pytest.raises(InvalidBody, match="line 3") as caught:
        await elements(request(body, NDJSON), ItemBody)
    assert [fault["field"] for fault in caught.value.errors] == ["line 3"]


async def test_a_fault_inside_a_line_is_named_by_the_line_of_the_body() -> None:
    body = b'{"item_id":"a","title":"A"}\n\n{"item_id":"b"}\n'
    with pytest.raises(InvalidRequest) as caught:
        await elements(request(body, NDJSON), ItemBody)
    assert [fault["field"] for fault in caught.value.errors] == ["line 3.title"]


async def test_a_fault_inside_a_list_is_named_by_its_index() -> None:
    body = b'[{"item_id":"a","title":"A"},{"item_id":"b","title":"B","price":-1}]'
    with pytest.raises(InvalidRequest) as caught:
        await elements(request(body), ItemBody)
    assert [fault["field"] for fault in caught.value.errors] == ["1.price"]


@pytest.mark.parametrize("body", [b"", b"{", b'{"item_id":"a","title":"A"}\n{"item_id":"b","title":"B"}', b"\xff"])
async def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidBody):
        await elements(request(body), ItemBody)


@pytest.mark.parametrize("body", [b"{}", b"null", b"3", b'"x"', b"[]"])
async def test_what_is_not_a_filled_list_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        await elements(request(body), ItemBody)


@pytest.mark.parametrize("body", [b"", b"\n \n"])
async def test_lines_without_any_element_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        await elements(request(body, NDJSON), ItemBody)


async def test_too_many_elements_are_refused() -> None:
    line = b'{"item_id":"a","title":"A"}\n'
    assert len(await elements(request(line * MOST, NDJSON), ItemBody)) == MOST
    with pytest.raises(InvalidRequest, match=str(MOST)):
        await elements(request(line * (MOST + 1), NDJSON), ItemBody)


@pytest.mark.parametrize(
    "moment", ['"2026-01-31T12:00:00"', '"1969-12-31T23:59:59Z"', '"9999-01-01T00:00:00Z"', '"soon"', "1e400"]
)
async def test_moments_need_a_zone_and_a_place_in_time(moment: str) -> None:
    body = f'[{{"user_id":"u","item_id":"a","occurred_at":{moment}}}]'.encode()
    with pytest.raises(InvalidRequest):
        await elements(request(body), EventBody)


async def test_titles_become_one_line() -> None:
    body = rb'[{"item_id":"a","title":" A\n\tlong\u2028title\u0000 "}]'
    (item,) = await elements(request(body), ItemBody)
    assert item.title == "A long title"


async def test_of_many_faults_the_first_are_listed() -> None:
    body = b"[" + b",".join(b'{"item_id":""}' for _ in range(MOST)) + b"]"
    with pytest.raises(InvalidRequest) as caught:
        await elements(request(body), ItemBody)
    assert len(caught.value.errors) == LISTED_FAULTS
    assert caught.value.errors[0]["field"] == "0.item_id"
