"""Housekeeping: rebuilds memories, erases users, closes impressions, trims streams."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from app import metrics
from app.log import get_logger
from app.runtime import Runtime
from app.serving.rebuild import rebuilt
from app.stores import messages
from app.stores.memory import Save, Saved
from app.stores.messages import UserNotice
from workers.entry import Entry

_log = get_logger(__name__)
CLOSED_AT_ONCE = 5000


async def rebuild(rt: Runtime, entries: Sequence[Entry]) -> None:
    """Builds the memories of these users from PostgreSQL, or adds what an existing one lacks."""
    users = {messages.unpack(UserNotice, entry.body).user_id: entry.added_ms for entry in entries}
    while users:
        existing = await rt.memory.load(list(users))
        saves = []
        for user_id, added_ms in users.items():
            memory, learned = await rebuilt(rt, user_id, existing.get(user_id), now_s=int(time.time()))
            saves.append(Save(user_id, memory, added_ms, tuple(messages.pack(each) for each in learned)))
        results = await rt.memory.save(saves)
        users = {
            user: at for (user, at), result in zip(users.items(), results, strict=True) if result is Saved.CONFLICT
        }
        metrics.MEMORY_CONFLICTS.inc(len(users))


async def erase(rt: Runtime, entries: Sequence[Entry]) -> None:
    """Erases these users from PostgreSQL; what is still on its way is held back by their tombstones.

    What was rebuilt from PostgreSQL, or said, while the erasure was under way is forgotten with the rest.
    """
    for entry in entries:
        user_id = messages.unpack(UserNotice, entry.body).user_id
        erased = await rt.outcomes.erase_user(user_id)
        await rt.memory.erase(user_id)
        _log.info("user_erased", rows=sum(erased.values()))


async def sweep(rt: Runtime) -> None:
    """One round of what is due by the clock."""
    now = datetime.now(UTC)
    window = timedelta(seconds=rt.settings.attribution_window_s)
    closed = CLOSED_AT_ONCE
    while closed == CLOSED_AT_ONCE:  # a full batch: there may be more
        closed = await rt.outcomes.close_expired(now, window, limit=CLOSED_AT_ONCE)
        if closed:
            metrics.OUTCOMES.labels("none").inc(closed)
            _log.info("impressions_closed", count=closed)
    await rt.backlogs.trim(older_than_ms=int(now.timestamp() * 1000) - rt.settings.stream_retention_s * 1000)


async def watch(rt: Runtime) -> None:
    """Measures how far the workers are behind."""
    for backlog in await rt.backlogs.all():
        metrics.STREAM_LAG.labels(backlog.stream).set(backlog.lag)
        metrics.STREAM_PENDING.labels(backlog.stream).set(backlog.pending)
