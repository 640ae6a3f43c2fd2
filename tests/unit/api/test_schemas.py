"""What bodies may hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from app.api.schemas import EventBody, FeedbackRequest, ItemBody, RecommendRequest

FEEDBACK = {"impression_id": "i", "item_id": "a", "event": "click"}


@pytest.mark.parametrize("field", ["limit", "path", "deadline_ms"])
@pytest.mark.parametrize("value", [True, "1", 1.5])
def test_numbers_are_numbers(field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        RecommendRequest.model_validate({"user_id": "u", field: value})


@pytest.mark.parametrize("value", [True, "1", 1.5])
def test_a_position_is_a_number(value: object) -> None:
    with pytest.raises(ValidationError):
        FeedbackRequest.model_validate(FEEDBACK | {"position": value})


def test_nothing_to_exclude_may_be_said_with_null() -> None:
    assert RecommendRequest.model_validate_json('{"user_id": "u", "exclude": null}').exclude is None


@pytest.mark.parametrize(
    "value", [1_700_000_000, "1700000000", "2026-01-31", "2026-01-31T12:00:00", "20260131T120000Z"]
)
def test_moments_are_as_in_rfc_3339(value: object) -> None:
    with pytest.raises(ValidationError):
        FeedbackRequest.model_validate(FEEDBACK | {"occurred_at": value})


@pytest.mark.parametrize("value", ["2026-01-31T12:00:00Z", "2026-01-31t12:00:00.25+01:00"])
def test_moments_have_a_zone(value: str) -> None:
    assert FeedbackRequest.model_validate(FEEDBACK | {"occurred_at": value}).occurred_at is not None


@pytest.mark.parametrize(("minutes", "taken"), [(4, True), (6, False)])
def test_clocks_may_be_a_little_ahead(minutes: int, taken: bool) -> None:
    body = {"user_id": "u", "item_id": "a", "occurred_at": (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()}
    if taken:
        EventBody.model_validate(body)
        return
    with pytest.raises(ValidationError, match="five minutes"):
        EventBody.model_validate(body)


def test_lengths_of_text_are_told_in_characters() -> None:
    with pytest.raises(ValidationError, match="at most 500 characters"):
        ItemBody.model_validate({"item_id": "a", "title": "x" * 501})
