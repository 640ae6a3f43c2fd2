"""A service on real servers, fitted once for all tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import make_url

from app.embedded import EmbeddedServers
from app.settings import Settings
from tests.servers import temporary_database
from tests.service import Service, fit_shop, running, settings_of


@dataclass(frozen=True, slots=True)
class FittedShop:
    """A database with the sample shop, to be copied, and the artifact fitted on it."""

    database: str
    artifacts: Path


@pytest.fixture(scope="session")
def fitted_shop(
    servers: EmbeddedServers, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FittedShop]:
    """The sample shop, stored and fitted."""
    with temporary_database(servers.database_url, template=migrated_template) as url:
        artifacts = fit_shop(tmp_path_factory.mktemp("fitted"), url)
        yield FittedShop(str(make_url(url).database), artifacts)


@pytest.fixture
def shop_database_url(servers: EmbeddedServers, fitted_shop: FittedShop) -> Iterator[str]:
    """A database of this test's own with the sample shop in it."""
    with temporary_database(servers.database_url, template=fitted_shop.database) as url:
        yield url


@pytest.fixture
def settings(tmp_path: Path, redis_url: str, shop_database_url: str, fitted_shop: FittedShop) -> Settings:
    """Settings of a service on the sample shop."""
    return settings_of(tmp_path, redis_url=redis_url, database_url=shop_database_url, artifacts=fitted_shop.artifacts)


@pytest.fixture
async def service(settings: Settings) -> AsyncIterator[Service]:
    """The service on the sample shop; its workers act when the test says so."""
    async with running(settings) as started:
        yield started
