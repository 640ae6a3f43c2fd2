"""How alembic reaches the database; run by app.stores.schema, which puts the URL into the attributes."""

from typing import Literal

from alembic import context
from sqlalchemy import text

from app.stores.database import open_sync_engine
from app.stores.partitions import is_partition
from app.stores.tables import metadata

LOCK = 0x6C72_6764_0001  # serialises concurrent migrations
Kind = Literal["schema", "table", "column", "index", "unique_constraint", "foreign_key_constraint"]


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    return not (kind == "table" and name is not None and is_partition(name))


with open_sync_engine(context.config.attributes["url"]).connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, include_name=include_name)
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        context.run_migrations()
