"""Items and what users did with them, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import orjson
from sqlalchemy import Row, TextClause, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.domain.history import EVENT, History
from app.domain.items import CatalogueItem, Interaction, Item
from app.errors import UnknownUser
from app.stores import bulk, tables
from app.stores.bulk import FitInput
from app.stores.clock import moment
from app.stores.database import database_guard, reading, transaction
from app.stores.guard import Guard
from app.stores.partitions import Months

_WRITERS = 0x6C72_6764_0003  # the lock of whoever changes items
_PIECE = 500  # items a turn of the event loop
_CHUNK = 10_000  # interactions in one statement
_BEGINNING = moment(0)

# Writers of items take turns, and each stamps a later moment than all before, so stamps ascend in the order in which
# changes become visible: a reader that has seen a stamp has seen everything up to it, whatever the clock does.
_TURN = text("SELECT pg_advisory_xact_lock(:lock)").bindparams(lock=_WRITERS)
_STAMP = text("SELECT greatest(clock_timestamp(), max(updated_at) + interval '1 microsecond') FROM items")

# Known items first, then the missing ones: an upsert in one statement would use up a number for every repeat.
_UPDATE = text(
    """UPDATE items SET title = given.title, brand = given.brand, categories = given.categories,
  price = given.price, description = given.description, updated_at = :stamp, deleted_at = NULL
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given(
  item_id text, title text, brand text, categories text[], price double precision, description text)
WHERE items.item_id = given.item_id AND (
  items.deleted_at IS NOT NULL OR (items.title, items.brand, items.categories, items.price, items.description)
  IS DISTINCT FROM (given.title, given.brand, given.categories, given.price, given.description))"""
)
_INSERT = text(
    """INSERT INTO items (item_id, title, brand, categories, price, description, updated_at)
SELECT item_id, title, brand, categories, price, description, :stamp
FROM ROWS FROM (jsonb_to_recordset(CAST(:rows AS jsonb)) AS (
  item_id text, title text, brand text, categories text[], price double precision, description text)
) WITH ORDINALITY AS given(item_id, title, brand, categories, price, description, place)
WHERE NOT EXISTS (SELECT FROM items WHERE items.item_id = given.item_id) ORDER BY place"""
)
_DELETE = text(
    "UPDATE items SET deleted_at = :stamp, updated_at = :stamp WHERE item_id = :item_id AND deleted_at IS NULL"
)
_ALL = select(tables.items).order_by(tables.items.c.number)
_CHANGED = _ALL.where(tables.items.c.updated_at > bindparam("since"))
_NUMBERS = text("SELECT item_id, number FROM items WHERE item_id = ANY(:item_ids)")
_HISTORY = text(
    "SELECT item, CAST(extract(epoch FROM occurred_at) AS bigint), kind FROM interactions WHERE user_id = :user_id"
    " ORDER BY occurred_at DESC, item DESC, kind DESC LIMIT :limit"
)
_ADD = text(
    "INSERT INTO interactions (user_id, occurred_at, item, kind)"
    " SELECT user_id, to_timestamp(at), item, kind FROM unnest(CAST(:users AS text[]), CAST(:times AS bigint[]),"
    " CAST(:items AS int[]), CAST(:kinds AS smallint[])) AS given(user_id, at, item, kind)"
    " ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING"
)
_EXAMPLE = text(
    """WITH someone AS (SELECT user_id FROM interactions GROUP BY user_id ORDER BY abs(count(*) - 12), user_id LIMIT 1)
SELECT user_id, item_id FROM someone JOIN interactions USING (user_id) JOIN items ON number = item
WHERE deleted_at IS NULL ORDER BY occurred_at DESC, item DESC LIMIT 1"""
)
_SINCE = text("SELECT count(*) FROM interactions WHERE recorded_at > :since")


@dataclass(frozen=True, slots=True)
class UpsertResult:
    """How many items an upsert inserted, updated (deleted ones that came back included) and found as they were."""

    inserted: int
    updated: int
    unchanged: int


class Catalogue:
    """Items and interactions; every call raises StoreDown when PostgreSQL cannot be reached."""

    def __init__(self, engine: AsyncEngine, guard: Guard | None = None) -> None:
        self.engine = engine
        self._guard = guard or database_guard()
        self._months = Months()

    async def upsert_items(self, items: Sequence[Item]) -> UpsertResult:
        """Stores items, all or none; the last one wins where an id comes twice, and deleted items are back."""
        latest = {item.item_id: item for item in items}
        rows = orjson.dumps([asdict(item) for item in latest.values()]).decode()
        async with transaction(self.engine, self._guard) as connection:
            given = {"rows": rows, "stamp": await _take_turn(connection)}
            updated = await _count(connection, _UPDATE, given)
            inserted = await _count(connection, _INSERT, given)
        return UpsertResult(inserted, updated, len(latest) - inserted - updated)

    async def delete_item(self, item_id: str) -> bool:
        """Marks an item as deleted; False when there is no such item."""
        async with transaction(self.engine, self._guard) as connection:
            given = {"item_id": item_id, "stamp": await _take_turn(connection)}
            return await _count(connection, _DELETE, given) > 0

    async def changed_since(self, since: datetime | None) -> tuple[list[CatalogueItem], datetime]:
        """Items changed or deleted after a moment (None: all there ever were), and the moment to ask from next."""
        if since is not None:
            async with reading(self.engine, self._guard) as connection:
                return _changes(await connection.execute(_CHANGED, {"since": since}), since)
        everything: list[CatalogueItem] = []
        newest = _BEGINNING
        async with transaction(self.engine, self._guard) as connection, connection.stream(_ALL) as result:
            async for rows in result.partitions(_PIECE):  # or a large catalogue would hold up all requests
                piece, latest = _changes(rows, None)
                everything += piece
                newest = max(newest, latest)
        return everything, newest

    async def numbers(self, item_ids: Sequence[str]) -> dict[str, int]:
        """The number of each item that there is or was, by its id."""
        async with reading(self.engine, self._guard) as connection:
            rows = await connection.execute(_NUMBERS, {"item_ids": list(item_ids)})
            return {row.item_id: row.number for row in rows}

    async def history(self, user_id: str, limit: int) -> History:
        """The newest `limit` events of a user."""
        async with reading(self.engine, self._guard) as connection:
            rows = (await connection.execute(_HISTORY, {"user_id": user_id, "limit": limit})).all()
        return History.empty().merged(np.array([tuple(row) for row in rows], dtype=EVENT))

    async def add_interactions(self, interactions: Sequence[Interaction]) -> int:
        """Stores interactions, all or none, and returns how many were new."""
        async with self._guard:
            await self._months.ensure(self.engine, "interactions", bulk.days_of(interactions))
        async with transaction(self.engine, self._guard) as connection:
            return await insert_interactions(connection, interactions)

    async def copy_interactions(self, interactions: Iterable[Interaction]) -> int:
        """As add_interactions, for hundreds of thousands."""
        rows = list(interactions)
        async with self._guard:
            await self._months.ensure(self.engine, "interactions", bulk.days_of(rows))
        async with transaction(self.engine, self._guard) as connection:
            return await bulk.copy_interactions(connection, rows)

    async def read_for_fit(self) -> FitInput:
        """All items and all positive interactions, as of one moment."""
        async with self._guard, self.engine.connect() as connection:
            snapshot = await connection.execution_options(isolation_level="REPEATABLE READ")
            read_at = await bulk.settled_moment(snapshot)
            items, changed_until = _changes(await snapshot.execute(_ALL), None)
            return await bulk.read_interactions(snapshot, items=items, read_at=read_at, changed_until=changed_until)

    async def interactions_since(self, since: datetime) -> int:
        """How many interactions have been recorded after a moment."""
        async with reading(self.engine, self._guard) as connection:
            return int((await connection.execute(_SINCE, {"since": since})).scalar_one())

    async def example(self) -> tuple[str, str]:
        """A user with about a dozen events and the newest of their items, to show; raises UnknownUser without any."""
        async with reading(self.engine, self._guard) as connection:
            row = (await connection.execute(_EXAMPLE)).one_or_none()
        if row is None:
            raise UnknownUser("no interaction is stored yet")
        return row.user_id, row.item_id


async def insert_interactions(connection: AsyncConnection, interactions: Sequence[Interaction]) -> int:
    """Inserts interactions whose months have a partition; repeats are left out of the count."""
    inserted = 0
    for start in range(0, len(interactions), _CHUNK):
        chunk = interactions[start : start + _CHUNK]
        given = {
            "users": [each.user_id for each in chunk],
            "times": [each.at for each in chunk],
            "items": [each.item for each in chunk],
            "kinds": [each.kind.code for each in chunk],
        }
        inserted += await _count(connection, _ADD, given)
    return inserted


async def _take_turn(connection: AsyncConnection) -> datetime:
    await connection.execute(_TURN)
    stamp: datetime = (await connection.execute(_STAMP)).scalar_one()
    return stamp


async def _count(connection: AsyncConnection, statement: TextClause, given: dict[str, object]) -> int:
    return (await connection.execute(statement, given)).rowcount


def _changes(rows: Iterable[Row[Any]], since: datetime | None) -> tuple[list[CatalogueItem], datetime]:
    changed = list(rows)
    newest = max((row.updated_at for row in changed), default=since or _BEGINNING)
    return [_catalogue_item(row) for row in changed], newest


def _catalogue_item(row: Row[Any]) -> CatalogueItem:
    item = Item(row.item_id, row.title, row.brand, tuple(row.categories), row.price, row.description)
    return CatalogueItem(row.number, item, deleted=row.deleted_at is not None)
