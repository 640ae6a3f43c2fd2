"""Impressions, outcomes and the turns of paths, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Table, delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.domain.impression import NO_EVENT, Impression, Outcome, served_at_of
from app.domain.items import Interaction
from app.domain.round import DraftedDemonstration, Round
from app.stores import records, tables
from app.stores.bulk import days_of
from app.stores.catalogue import insert_interactions
from app.stores.clock import moment_of_ms
from app.stores.database import database_guard, reading, transaction
from app.stores.guard import Guard
from app.stores.partitions import Months

OF_ONE_USER = ("interactions", "impressions", "outcomes", "demonstrations", "path_rounds", "collapses")

# One statement, so that an impression is closed with its outcome or not at all; a sweeper skips what another one, or
# a recorder with a real outcome, has in hand.
_CLOSE = text(
    """WITH due AS (
  SELECT impression_id, served_at, user_id, path, served_by, model FROM impressions
  WHERE closed_at IS NULL AND served_at < :before ORDER BY served_at LIMIT :limit FOR UPDATE SKIP LOCKED),
silent AS (
  INSERT INTO outcomes (impression_id, item_id, event, user_id, at, received_at, path, served_by, model)
  SELECT impression_id, '', :event, user_id, :now, :now, path, served_by, model FROM due
  WHERE NOT EXISTS (SELECT FROM outcomes WHERE outcomes.impression_id = due.impression_id)
  ORDER BY impression_id ON CONFLICT DO NOTHING)
UPDATE impressions SET closed_at = :now FROM due
WHERE impressions.impression_id = due.impression_id AND impressions.served_at = due.served_at"""
)
# Takes the rows from the sweepers, and tells one that waited for them that they are closed.
_ANSWERED = text(
    """WITH answered AS (
  SELECT impression_id, served_at FROM impressions
  WHERE impression_id = ANY(CAST(:ids AS uuid[])) AND served_at = ANY(CAST(:moments AS timestamptz[]))
  ORDER BY impression_id FOR UPDATE)
UPDATE impressions SET closed_at = coalesce(closed_at, now()) FROM answered
WHERE impressions.impression_id = answered.impression_id AND impressions.served_at = answered.served_at"""
)
_HEARD = text("DELETE FROM outcomes WHERE impression_id = ANY(CAST(:ids AS uuid[])) AND event = :event")


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many rows of each kind a batch added; repeats are not counted."""

    impressions: int = 0
    outcomes: int = 0
    interactions: int = 0
    demonstrations: int = 0
    rounds: int = 0


class Outcomes:
    """What was served and what came of it; every call raises StoreDown when PostgreSQL cannot be reached."""

    def __init__(self, engine: AsyncEngine, guard: Guard | None = None) -> None:
        self.engine = engine
        self._guard = guard or database_guard()
        self._months = Months()

    async def record(
        self,
        *,
        impressions: Sequence[Impression] = (),
        outcomes: Sequence[Outcome] = (),
        interactions: Sequence[Interaction] = (),
        demonstrations: Sequence[DraftedDemonstration] = (),
        rounds: Sequence[Round] = (),
    ) -> Recorded:
        """Stores a batch, all or none; what is there already stays as it is, so a batch may come again."""
        async with self._guard:
            served = [moment_of_ms(each.served_at_ms) for each in impressions]
            await self._months.ensure(self.engine, "impressions", served)
            await self._months.ensure(self.engine, "interactions", days_of(interactions))
        async with transaction(self.engine, self._guard) as connection:
            return Recorded(
                impressions=await _add(connection, tables.impressions, map(records.of_impression, impressions)),
                outcomes=await _add_outcomes(connection, outcomes),
                interactions=await insert_interactions(connection, interactions),
                demonstrations=await _add(
                    connection, tables.demonstrations, map(records.of_demonstration, demonstrations)
                ),
                rounds=await _add(connection, tables.path_rounds, map(records.of_round, rounds)),
            )

    async def impression(self, impression_id: str) -> Impression | None:
        """The impression with this id, None when there is none."""
        return next(iter(await self.impressions([impression_id])), None)

    async def impressions(self, impression_ids: Sequence[str]) -> list[Impression]:
        """Those of these impressions that there are."""
        table = tables.impressions
        keys = _keys(impression_ids)
        if not keys:
            return []
        # the moment inside the id, so that only its own month is searched
        wanted = select(table).where(table.c.impression_id.in_(list(keys)), table.c.served_at.in_(set(keys.values())))
        async with reading(self.engine, self._guard) as connection:
            return [records.impression(row) for row in (await connection.execute(wanted)).mappings()]

    async def keys_of(self, impression_ids: Sequence[str]) -> set[tuple[str, str, str]]:
        """Impression, item and event of what is recorded of these impressions."""
        table = tables.outcomes
        wanted = select(table.c.impression_id, table.c.item_id, table.c.event).where(
            table.c.impression_id.in_(list(_keys(impression_ids)))
        )
        async with reading(self.engine, self._guard) as connection:
            return {(impression, item, event) for impression, item, event in await connection.execute(wanted)}

    async def user_outcomes(self, user_id: str, limit: int, *, silent: bool = True) -> list[Outcome]:
        """The newest outcomes of a user, newest first; with `silent` those without any event are among them."""
        table = tables.outcomes
        newest = (
            select(table)
            .where(table.c.user_id == user_id)
            .order_by(table.c.at.desc(), table.c.impression_id.desc(), table.c.item_id, table.c.event)
            .limit(limit)
        )
        if not silent:
            newest = newest.where(table.c.event != NO_EVENT)
        async with reading(self.engine, self._guard) as connection:
            return [records.outcome(row) for row in (await connection.execute(newest)).mappings()]

    async def user_rounds(self, user_id: str, limit: int) -> list[Round]:
        """The newest turns of a user's paths, newest first."""
        table = tables.path_rounds
        newest = (
            select(table)
            .where(table.c.user_id == user_id)
            .order_by(table.c.at.desc(), table.c.round.desc(), table.c.path, table.c.demonstration_id)
            .limit(limit)
        )
        async with reading(self.engine, self._guard) as connection:
            return [records.round_of(row) for row in (await connection.execute(newest)).mappings()]

    async def user_demonstrations(self, user_id: str, limit: int) -> list[DraftedDemonstration]:
        """The newest demonstrations drafted for a user, newest first."""
        table = tables.demonstrations
        newest = (
            select(table)
            .where(table.c.user_id == user_id)
            .order_by(table.c.created_at.desc(), table.c.path, table.c.version.desc())
            .limit(limit)
        )
        async with reading(self.engine, self._guard) as connection:
            return [records.demonstration(row) for row in (await connection.execute(newest)).mappings()]

    async def close_expired(self, now: datetime, window: timedelta, limit: int) -> int:
        """How many impressions were closed, at most `limit`: those served more than a window ago and not closed yet.

        One that nobody reacted to gets an outcome with the event "none".
        """
        given = {"now": now, "before": now - window, "limit": limit, "event": NO_EVENT}
        async with transaction(self.engine, self._guard) as connection:
            return (await connection.execute(_CLOSE, given)).rowcount

    async def erase_user(self, user_id: str) -> dict[str, int]:
        """Deletes everything about a user, and returns how many rows of each table that were."""
        async with transaction(self.engine, self._guard) as connection:
            erased = {}
            for name in OF_ONE_USER:
                table = tables.metadata.tables[name]
                erased[name] = (await connection.execute(delete(table).where(table.c.user_id == user_id))).rowcount
            return erased


async def _add(connection: AsyncConnection, table: Table, rows: Iterable[records.Values]) -> int:
    """How many of these rows were new."""
    key = [column.name for column in table.primary_key]
    # always in the same order, so that two recorders of one batch wait for each other and not in a circle
    ordered = sorted(rows, key=lambda row: [row[name] for name in key])
    if not ordered:
        return 0
    statement = insert(table).on_conflict_do_nothing().returning(table.primary_key.columns[0])
    return len((await connection.execute(statement, ordered)).all())


async def _add_outcomes(connection: AsyncConnection, outcomes: Sequence[Outcome]) -> int:
    """How many of these outcomes were new; their impressions count as closed, not as silent."""
    if not outcomes:
        return 0
    keys = _keys(sorted({each.impression_id for each in outcomes if each.event != NO_EVENT}))
    given = {"ids": list(keys), "moments": list(keys.values())}
    await connection.execute(_ANSWERED, given)
    added = await _add(connection, tables.outcomes, map(records.of_outcome, outcomes))
    await connection.execute(_HEARD, {"ids": list(keys), "event": NO_EVENT})
    return added


def _keys(impression_ids: Iterable[str]) -> dict[str, datetime]:
    """When each impression was served; ids that cannot be ours are left out."""
    keys = {}
    for impression_id in impression_ids:
        with suppress(ValueError, OverflowError):  # not a UUID version 7, or one of the year 10,000
            keys[impression_id] = moment_of_ms(served_at_of(impression_id))
    return keys
