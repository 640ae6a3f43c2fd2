"""Servers for the tests: those of TEST_REDIS_URL and TEST_DATABASE_URL, or else the bundled ones."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from sqlalchemy import NullPool, create_engine, make_url, text

from app.embedded import EmbeddedServers, embedded_servers


@contextmanager
def running_servers(home: Path) -> Iterator[EmbeddedServers]:
    """Both servers; only those that the environment does not name are started, in `home`."""
    redis_url = os.environ.get("TEST_REDIS_URL", "")
    database_url = os.environ.get("TEST_DATABASE_URL", "")
    with embedded_servers(home, redis=not redis_url, postgres=not database_url) as bundled:
        yield EmbeddedServers(
            redis_url=redis_url or bundled.redis_url,
            database_url=database_url or bundled.database_url,
        )


def empty_redis(url: str) -> None:
    """Forgets everything in the URL's database, and only in that one."""
    with redis.Redis.from_url(url) as client:
        client.flushdb()


@contextmanager
def temporary_database(server_url: str, *, template: str = "template1") -> Iterator[str]:
    """The URL of a new database on the server, a copy of `template`; dropped when the block ends."""
    name = f"lrgd_test_{uuid.uuid4().hex[:12]}"
    _execute(server_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        _execute(server_url, f'DROP DATABASE "{name}" WITH (FORCE)')


def _execute(url: str, statement: str) -> None:
    """Runs a statement that no transaction may hold."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(statement))
