"""Which servers a command talks to: those of the settings, those of a running demo, or embedded ones of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.embedded import EmbeddedServers, embedded_servers, is_held
from app.errors import StartupError
from app.settings import Settings
from app.stores import schema

RUNNING = "running.json"


@contextmanager
def servers(settings: Settings, *, join: bool = True) -> Iterator[Settings]:
    """The settings with the addresses of running, migrated servers; embedded ones stop with the block.

    Without `join` a home that another command holds is an error (StartupError) instead of shared.
    """
    if settings.redis_url and settings.database_url:
        yield settings
        return
    running = _running(settings.home) if join else None
    if running is not None:
        yield _located(settings, running)
        return
    wants_redis, wants_postgres = settings.redis_url is None, settings.database_url is None
    with embedded_servers(settings.home, redis=wants_redis, postgres=wants_postgres) as own:
        located = _located(settings, own)
        schema.upgrade(str(located.database_url))
        with _announced(settings.home, own):
            yield located


def environment(settings: Settings) -> dict[str, str]:
    """The environment that gives a child process these settings."""
    given = settings.model_dump(mode="json", exclude_none=True)
    return os.environ | {f"LRGD_{name.upper()}": str(value) for name, value in given.items()}


def _located(settings: Settings, found: EmbeddedServers) -> Settings:
    return settings.model_copy(
        update={
            "redis_url": settings.redis_url or found.redis_url,
            "database_url": settings.database_url or found.database_url,
        }
    )


def _running(home: Path) -> EmbeddedServers | None:
    """The servers of another command that holds this home; None when nobody does, whatever a killed one left."""
    if not is_held(home):
        return None
    try:
        note = json.loads((home / RUNNING).read_text())
    except FileNotFoundError:
        raise StartupError(f"another command is just starting or stopping the servers in {home}: try again") from None
    except PermissionError:
        raise StartupError(f"the servers in {home} belong to another user") from None
    return EmbeddedServers(redis_url=note["redis_url"], database_url=note["database_url"])


@contextmanager
def _announced(home: Path, own: EmbeddedServers) -> Iterator[None]:
    """Leaves a note for other commands while the block runs."""
    note = {"redis_url": own.redis_url, "database_url": own.database_url}
    fresh = home / f"{RUNNING}.new"
    fresh.write_text(json.dumps(note))
    fresh.chmod(0o600)
    fresh.rename(home / RUNNING)
    try:
        yield
    finally:
        (home / RUNNING).unlink(missing_ok=True)
