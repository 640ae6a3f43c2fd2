"""Monthly partitions of the tables that grow with traffic; a month's is made when the first row for it comes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

PARTITIONED = ("interactions", "impressions")
_LOCK = 0x6C72_6764_0002  # serialises the makers of partitions
_PARTITION = re.compile(rf"^(?:{'|'.join(PARTITIONED)})_(?:past|\d{{4}}_\d{{2}})$")
_UPPER_BOUND = re.compile(r"TO \('(\d{4}-\d{2}-\d{2})")
_CHILDREN = text(
    "SELECT child.relname, pg_get_expr(child.relpartbound, child.oid) AS bounds FROM pg_inherits"
    " JOIN pg_class AS child ON child.oid = inhrelid WHERE inhparent = CAST(:table AS regclass)"
)


def is_partition(name: str) -> bool:
    """True for the name of a table that holds a part of another one."""
    return _PARTITION.match(name) is not None


def month_of(moment: datetime) -> date:
    """The first day of this moment's month, UTC."""
    return moment.astimezone(UTC).date().replace(day=1)


def next_month(month: date) -> date:
    """The first day of the month after."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def months_between(first: date, last: date) -> list[date]:
    """The first days of the months from `first` to `last`, both included."""
    months = [first.replace(day=1)]
    while months[-1] < last.replace(day=1):
        months.append(next_month(months[-1]))
    return months


def ensure_months(connection: Connection, first: date, last: date) -> None:
    """Makes the partitions of all partitioned tables for the months from `first` to `last`, both included."""
    for table in PARTITIONED:
        ensure_partitions(connection, table, months_between(first, last))


def ensure_partitions(connection: Connection, table: str, months: Iterable[date]) -> None:
    """Makes the table's partitions for these months where they are missing; safe beside others that do the same."""
    connection.execute(text("SET LOCAL timezone TO 'UTC'"))  # bounds are told in the session's zone
    wanted = set(months)
    if not _missing(connection, table, wanted):
        return
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    for month in sorted(_missing(connection, table, wanted)):
        _make(connection, table, month)


def _missing(connection: Connection, table: str, months: set[date]) -> set[date]:
    children = {row.relname: row.bounds for row in connection.execute(_CHILDREN, {"table": table})}
    past = _UPPER_BOUND.search(children.get(f"{table}_past", ""))
    live_from = date.fromisoformat(past.group(1)) if past else date.min
    return {month for month in months if month >= live_from and _name(table, month) not in children}


def _make(connection: Connection, table: str, month: date) -> None:
    """A month's partition, attached when it is complete: creating it in place would lock out readers and writers."""
    name = _name(table, month)
    connection.execute(text(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)"))
    bounds = f"FROM ('{month} 00:00:00+00') TO ('{next_month(month)} 00:00:00+00')"
    connection.execute(text(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES {bounds}"))


def _name(table: str, month: date) -> str:
    return f"{table}_{month:%Y_%m}"


class Months:
    """Remembers which months have their partition, so that PostgreSQL is asked once a month."""

    def __init__(self) -> None:
        self._made: set[tuple[str, date]] = set()

    async def ensure(self, engine: AsyncEngine, table: str, moments: Iterable[datetime]) -> None:
        """Makes the partitions that rows of these moments need, in a transaction of its own."""
        missing = {month for month in map(month_of, moments) if (table, month) not in self._made}
        if not missing:
            return
        async with engine.begin() as connection:
            await connection.run_sync(ensure_partitions, table, missing)
        self._made |= {(table, month) for month in missing}
