"""Interactions by the hundred thousand: into PostgreSQL by COPY, out of it as packed bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.items import POSITIVE_KINDS, CatalogueItem, Interaction
from app.stores.clock import moment

_PACKED = np.dtype([("item", ">i4"), ("microsecond", ">i8")])
_POSTGRES_EPOCH = 946_684_800  # 2000-01-01, from where PostgreSQL counts microseconds
_DAY = 86_400
_CHUNK = 20_000  # rows a write, users a read
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})

_ARRIVING = text("CREATE TEMPORARY TABLE arriving (user_id text, at bigint, item int, kind smallint) ON COMMIT DROP")
_MOVE = text(
    "INSERT INTO interactions (user_id, occurred_at, item, kind)"
    " SELECT user_id, to_timestamp(at), item, kind FROM arriving ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING"
)
# one row a user instead of one an event: the driver would spend most of the time on making Python objects
_READ = text(
    "SELECT user_id, string_agg(int4send(item) || timestamptz_send(occurred_at), '') AS events"
    " FROM interactions WHERE kind = ANY(:kinds) GROUP BY user_id"
)
# A transaction that is still open may yet show rows, and these carry the moment when it began.
_SETTLED = text(
    "SELECT min(xact_start) - interval '1 microsecond' FROM pg_stat_activity WHERE datname = current_database()"
)


@dataclass(frozen=True, slots=True)
class FitInput:
    """What a model is fitted on: the items and the positive interactions, U users, M events in any order.

    user_ids       U strings
    users          [M] int32  index into `user_ids`
    item_numbers   [M] int32
    times          [M] int64  seconds since the epoch
    read_at        what was recorded up to this moment is in it; `interactions_since` counts from here
    changed_until  likewise for `changed_since`
    """

    items: list[CatalogueItem]
    user_ids: list[str]
    users: NDArray[np.int32]
    item_numbers: NDArray[np.int32]
    times: NDArray[np.int64]
    read_at: datetime
    changed_until: datetime


def days_of(interactions: Iterable[Interaction]) -> list[datetime]:
    """The days on which these interactions happened."""
    return [moment(day * _DAY) for day in {each.at // _DAY for each in interactions}]


async def copy_interactions(connection: AsyncConnection, interactions: Sequence[Interaction]) -> int:
    """How many of these interactions were new."""
    await connection.execute(_ARRIVING)
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    if not isinstance(driver, psycopg.AsyncConnection):
        raise TypeError(f"COPY needs psycopg, not {type(driver).__name__}")
    async with driver.cursor() as cursor, cursor.copy("COPY arriving FROM STDIN") as copy:
        for start in range(0, len(interactions), _CHUNK):
            await copy.write("".join(map(_line, interactions[start : start + _CHUNK])))
    return (await connection.execute(_MOVE)).rowcount


async def settled_moment(connection: AsyncConnection) -> datetime:
    """The moment up to which everything recorded is visible to this connection."""
    settled: datetime = (await connection.execute(_SETTLED)).scalar_one()
    return settled


async def read_interactions(
    connection: AsyncConnection, *, items: list[CatalogueItem], read_at: datetime, changed_until: datetime
) -> FitInput:
    """The positive interactions, put beside the items."""
    user_ids: list[str] = []
    packed: list[bytes] = []
    kinds = [kind.code for kind in POSITIVE_KINDS]
    async with connection.stream(_READ, {"kinds": kinds}) as result:
        async for rows in result.partitions(_CHUNK):
            user_ids += [row.user_id for row in rows]
            packed += [row.events for row in rows]
    lengths = np.array([len(each) // _PACKED.itemsize for each in packed], dtype=np.int64)
    events = np.frombuffer(b"".join(packed), dtype=_PACKED)
    return FitInput(
        items=items,
        user_ids=user_ids,
        users=np.repeat(np.arange(len(user_ids), dtype=np.int32), lengths),
        item_numbers=events["item"].astype(np.int32),
        times=events["microsecond"] // 1_000_000 + _POSTGRES_EPOCH,
        read_at=read_at,
        changed_until=changed_until,
    )


def _line(each: Interaction) -> str:
    return f"{each.user_id.translate(_ESCAPES)}\t{each.at}\t{each.item}\t{each.kind.code}\n"
