"""When the model was fitted, on what, and what is new since."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.stores.database import transaction
from app.stores.guard import Guard
from app.stores.tables import fits, interactions, items

_LOCK = 0x6C726764_666974  # "lrgdfit": any number that nothing else of ours locks


@dataclass(frozen=True, slots=True)
class Fit:
    """One finished fit."""

    version: str
    started_at: datetime
    finished_at: datetime
    items: int
    interactions: int
    as_of: datetime | None
    read_at: datetime


@dataclass(frozen=True, slots=True)
class News:
    """Interactions and items recorded after the newest fit read the database; everything when there was none."""

    interactions: int
    items: int


class Fits:
    """The fits of this database."""

    def __init__(self, engine: AsyncEngine, guard: Guard) -> None:
        self._engine = engine
        self._guard = guard

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[bool]:
        """True while this process may fit, False when another one is fitting; freed with the connection."""
        async with self._guard, self._engine.connect() as connection:
            mine = bool(await connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}))
            await connection.commit()  # or the fit would hold a transaction open all along
            try:
                yield mine
            finally:
                if mine:
                    await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
                    await connection.commit()

    async def record(self, fit: Fit) -> None:
        """Writes a fit down."""
        row = {column.name: getattr(fit, column.name) for column in fits.columns}
        async with transaction(self._engine, self._guard) as connection:
            await connection.execute(insert(fits).values(row))

    async def anything(self) -> bool:
        """True where there is an item to fit on, old or new."""
        some = select(select(items.c.number).where(items.c.deleted_at.is_(None)).exists())
        async with transaction(self._engine, self._guard) as connection:
            return bool(await connection.scalar(some))

    async def news(self) -> News:
        """What the newest fit has not seen."""
        read_at = select(func.coalesce(func.max(fits.c.read_at), text("'-infinity'"))).scalar_subquery()
        newer = select(func.count()).select_from(interactions).where(interactions.c.recorded_at > read_at)
        changed = select(func.count()).select_from(items).where(items.c.updated_at > read_at)
        async with transaction(self._engine, self._guard) as connection:
            return News(await connection.scalar(newer) or 0, await connection.scalar(changed) or 0)
