"""The database schema: brought to a revision, and asked which one it is at."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from app.errors import StartupError, StoreDown
from app.stores.database import UNREACHABLE, open_sync_engine


def upgrade(url: str, revision: str = "head") -> None:
    """Brings the database up to a revision; concurrent upgrades wait for each other. Raises StoreDown."""
    try:
        command.upgrade(_config(url), revision)
    except UNREACHABLE as error:
        raise StoreDown(f"postgresql is down: {error}") from error


def downgrade(url: str, revision: str) -> None:
    """Takes the database back to a revision ("base" drops everything of ours). Raises StoreDown."""
    try:
        command.downgrade(_config(url), revision)
    except UNREACHABLE as error:
        raise StoreDown(f"postgresql is down: {error}") from error


def current(url: str) -> str | None:
    """The revision that the database is at, None before the first. Raises StoreDown."""
    try:
        with open_sync_engine(url).connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except UNREACHABLE as error:
        raise StoreDown(f"postgresql is down: {error}") from error


def head() -> str:
    """The revision that this release works with."""
    revision = ScriptDirectory.from_config(_config("")).get_current_head()
    if revision is None:
        raise StartupError("this installation has no migrations: install it again")
    return revision


def _config(url: str) -> Config:
    """Found through the package, so that the working directory does not matter."""
    package = find_spec("migrations")
    if package is None or package.origin is None:
        raise StartupError("this installation has no migrations: install it again")
    config = Config()
    config.set_main_option("script_location", str(Path(package.origin).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config
