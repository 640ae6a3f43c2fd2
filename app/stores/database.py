"""Connections to PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import Engine, NullPool, create_engine, make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.errors import StartupError
from app.stores.guard import Guard

CONNECT_SECONDS = 5
UNREACHABLE = (OperationalError, InterfaceError, PoolTimeout, OSError)
_DRIVER = "postgresql+psycopg"
_CONNECTION = {
    "connect_timeout": CONNECT_SECONDS,
    "application_name": "lrgd",
    "keepalives_idle": 30,  # a server that vanished without a word is noticed within a minute
    "keepalives_interval": 10,
    "keepalives_count": 3,
}


def database_url(url: str) -> str:
    """The URL with our driver in it; `postgres://` and `postgresql://` are understood. Raises StartupError."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StartupError("the database URL is not one: postgresql://user:password@host:5432/name") from error
    if parsed.drivername not in {"postgres", "postgresql", _DRIVER}:
        raise StartupError(f"{parsed.drivername} is not PostgreSQL: the database URL starts with postgresql://")
    return parsed.set(drivername=_DRIVER).render_as_string(hide_password=False)


def without_password(url: str) -> str:
    """The URL of any server, fit to be shown."""
    return make_url(url).render_as_string(hide_password=True)


def open_engine(url: str, *, pool_size: int = 8) -> AsyncEngine:
    """An engine that holds up to `pool_size` connections and opens none before the first use."""
    return create_async_engine(
        database_url(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=CONNECT_SECONDS,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args=_CONNECTION,
    )


def open_sync_engine(url: str) -> Engine:
    """An engine for migrations: every connection is closed when it is given back."""
    return create_engine(database_url(url), poolclass=NullPool, connect_args=_CONNECTION)


def database_guard(*, rest_s: float = 0.0) -> Guard:
    """The guard of everything that talks to PostgreSQL: what it lets through as StoreDown may be tried again."""
    return Guard("postgresql", UNREACHABLE, rest_s=rest_s)


@asynccontextmanager
async def transaction(engine: AsyncEngine, guard: Guard) -> AsyncIterator[AsyncConnection]:
    """A connection in a transaction that commits at the end; raises StoreDown when the server cannot be reached."""
    async with guard, engine.begin() as connection:
        yield connection


@asynccontextmanager
async def reading(engine: AsyncEngine, guard: Guard) -> AsyncIterator[AsyncConnection]:
    """A connection for one query, which is a transaction by itself: that saves two of three round trips."""
    async with guard, engine.connect() as connection:
        yield await connection.execution_options(isolation_level="AUTOCOMMIT")
