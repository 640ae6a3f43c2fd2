"""The OpenAPI document is exact: whatever is sent, what comes back is what it says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.main import create_app
from app.settings import Settings
from tests.service import Json

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 20
METHODS = {"get", "put", "post", "delete"}


@pytest.fixture
def url(settings: Settings) -> Iterator[str]:
    """The address of the API, served by uvicorn in a thread."""
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_config=None, ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def document(url: str) -> Json:
    """The document that the API serves."""
    found: Json = httpx.get(f"{url}/openapi.json").json()
    return found


def operations(document: Json) -> list[tuple[str, Json]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, each in document["paths"].items()
        for method, operation in each.items()
        if method in METHODS
    ]


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_whatever_is_sent_the_answer_is_documented(url: str, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    seen = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if not has_parameters(operation) and mode is GenerationMode.NEGATIVE:
            continue  # nothing can be wrong with it

        @how(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def sent(case: Any) -> None:  # noqa: ANN401 - schemathesis's
            case.call_and_validate(checks=CHECKS)

        sent()
        seen += 1
    assert seen >= 10


def has_parameters(operation: Any) -> bool:  # noqa: ANN401 - schemathesis's
    return bool(list(operation.iter_parameters()) or operation.body)


def test_every_operation_has_an_example(document: Json) -> None:
    lacking = [
        name
        for name, operation in operations(document)
        if "requestBody" in operation
        and not any(
            "example" in content or "examples" in content for content in operation["requestBody"]["content"].values()
        )
    ]
    assert lacking == []


def test_every_operation_says_what_it_answers(document: Json) -> None:
    for name, operation in operations(document):
        assert operation.get("summary"), name
        assert operation["responses"], name
        if name.split(" ")[1] not in {"/healthz", "/readyz", "/metrics"}:
            assert {"401", "403", "422", "429"} <= set(operation["responses"]), name
        if "requestBody" in operation:
            assert {"422", "413"} <= set(operation["responses"]), name


def test_every_answer_has_an_example(document: Json) -> None:
    for name, operation in operations(document):
        (answer,) = (each for status, each in operation["responses"].items() if status.startswith("2"))
        for kind in answer.get("content", {}).values():
            assert "example" in kind, name


def test_every_reference_leads_somewhere(document: Json) -> None:
    text = json.dumps(document)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= set(document["components"]["schemas"])


def test_the_examples_are_taken(url: str, document: Json) -> None:
    """Copied from the document and sent, each is understood."""
    for name, operation in operations(document):
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            example = content.get("example", next(iter(content.get("examples", {"": {"value": None}}).values())))
            body = example["value"] if isinstance(example, dict) and "value" in example else example
            text = body if isinstance(body, str) else json.dumps(body)
            method, path = name.split(" ")
            answer = httpx.request(method, url + path, content=text, headers={"Content-Type": kind})
            known = {200, 202, 404} if path.startswith("/feedback") else {200, 202}
            assert answer.status_code in known or answer.json()["code"] == "no_candidates", (name, answer.text)
