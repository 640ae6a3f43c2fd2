"""Errors as problem+json."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from app import errors
from app.api.problems import (
    LISTED_FAULTS,
    MANY_FAULTS,
    NAME_LENGTH,
    complaints,
    documented,
    invalid,
    problem,
)
from app.api.schemas import Problem
from app.errors import FieldError, InvalidBody, InvalidRequest, LrgdError, RateLimited


def tree(root: type[LrgdError] = LrgdError) -> Iterator[type[LrgdError]]:
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


@pytest.mark.parametrize("kind", list(tree()), ids=lambda kind: kind.__name__)
def test_every_error_of_the_tree_is_a_problem(kind: type[LrgdError]) -> None:
    response = problem(kind("what happened"))
    assert response.status_code == kind.status
    assert response.media_type == "application/problem+json"
    body = Problem.model_validate_json(bytes(response.body))
    assert (body.status, body.code, body.title, body.detail) == (kind.status, kind.code, kind.title, "what happened")
    assert body.type == f"urn:lrgd:problem:{kind.code}"
    assert body.errors is None


def test_codes_are_of_one_error_each_and_drawn_in_the_tree() -> None:
    codes = [kind.code for kind in tree()]
    assert len(codes) == len(set(codes))
    assert errors.__doc__ is not None
    assert all(kind.__name__ in errors.__doc__ for kind in tree())


def test_retry_after_is_a_header() -> None:
    assert problem(RateLimited("slow down", retry_after=7)).headers["Retry-After"] == "7"
    assert "Retry-After" not in problem(RateLimited("slow down")).headers


def test_faults_are_listed() -> None:
    response = problem(InvalidRequest("x", errors=[FieldError(field="limit", message="too large")]))
    assert orjson.loads(response.body)["errors"] == [{"field": "limit", "message": "too large"}]


class Body(BaseModel):
    """A body with one field."""

    model_config = ConfigDict(extra="forbid")
    limit: int


def complaint_about(body: str) -> LrgdError:
    with pytest.raises(ValidationError) as caught:
        Body.model_validate_json(body)
    return invalid(complaints(caught.value))


def test_complaints_name_the_fields() -> None:
    error = complaint_about('{"limit": "x", "more": 1}')
    assert type(error) is InvalidRequest
    assert [fault["field"] for fault in error.errors] == ["limit", "more"]
    assert "limit" in error.detail


def test_broken_json_is_another_error() -> None:
    assert isinstance(complaint_about('{"limit"'), InvalidBody)


def test_field_names_that_are_not_unicode_are_told_all_the_same() -> None:
    with pytest.raises(ValidationError) as caught:
        Body.model_validate({"limit": 1, "\ud800": 1})
    response = problem(invalid(list(caught.value.errors())))
    assert response.status_code == 422


def test_documented_errors_have_a_description() -> None:
    for status, entry in documented(401, 403, 404, 413, 415, 422, 429, 503).items():
        assert isinstance(status, int)
        assert entry["description"]
        assert "application/problem+json" in entry["content"]


def test_a_body_of_faults_gets_a_short_answer() -> None:
    few = complaint_about('{"limit": 1, ' + ",".join(f'"{"k" * 5000}{n}": 1' for n in range(100)) + "}")
    assert len(few.errors) == LISTED_FAULTS
    assert all(len(fault["field"]) <= NAME_LENGTH for fault in few.errors)
    many = complaint_about('{"limit": 1, ' + ",".join(f'"k{n}": 1' for n in range(MANY_FAULTS + 1)) + "}")
    assert [fault["field"] for fault in many.errors] == ["body"]
    assert len(problem(few).body) < 10_000
