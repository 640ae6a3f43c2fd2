"""Fixtures shared by all tests, and the mark each folder gives."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from app.embedded import EmbeddedServers
from tests.servers import empty_redis, running_servers, temporary_database

FOLDER = Path(__file__).parent
MARKED_FOLDERS = ("integration", "vllm", "e2e")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks each test with the name of its folder, where that says what it needs."""
    for item in items:
        folder = item.path.relative_to(FOLDER).parts[0] if item.path.is_relative_to(FOLDER) else ""
        if folder in MARKED_FOLDERS:
            item.add_marker(folder)


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Async tests run on the event loop of production."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServers]:
    """Redis and PostgreSQL for the whole run; ask for `redis_url` or `database_url` instead."""
    with running_servers(tmp_path_factory.mktemp("servers")) as running:
        yield running


@pytest.fixture
def redis_url(servers: EmbeddedServers) -> str:
    """A Redis database with nothing in it."""
    empty_redis(servers.redis_url)
    return servers.redis_url


@pytest.fixture(scope="session")
def migrated_template(servers: EmbeddedServers) -> Iterator[str]:
    """The name of a database that holds the newest schema, to be copied."""
    from app.stores.schema import upgrade  # unit tests do without it

    with temporary_database(servers.database_url) as url:
        upgrade(url)
        yield str(make_url(url).database)


@pytest.fixture
def empty_database_url(servers: EmbeddedServers) -> Iterator[str]:
    """A PostgreSQL database of this test's own without any table, for tests of the migrations."""
    with temporary_database(servers.database_url) as url:
        yield url


@pytest.fixture
def database_url(servers: EmbeddedServers, migrated_template: str) -> Iterator[str]:
    """A PostgreSQL database of this test's own with the newest schema and no row."""
    with temporary_database(servers.database_url, template=migrated_template) as url:
        yield url
