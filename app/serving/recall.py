"""What is known of a user when a request comes: one read of Redis, and PostgreSQL only where that has nothing."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass

from app.domain.history import HISTORY_LIMIT, History
from app.domain.memory import ServingMemory
from app.domain.path import Path
from app.errors import MemoryUnreadable, StoreDown
from app.runtime import Runtime
from app.serving.deadline import in_time


@dataclass(frozen=True, slots=True)
class Recalled:
    """A user's history and paths; both empty for one who was never seen."""

    history: History
    paths: tuple[Path, ...] = ()


NOTHING = Recalled(History.empty())


async def recall(
    rt: Runtime, user_id: str, *, answer: str | None, inline: bool, deadline: float, reasons: list[str]
) -> tuple[Recalled, bytes | None]:
    """What is known of the user, and the stored answer to the request's Idempotency-Key (`answer`, its digest).

    With the history `inline` the memory is not asked. What could not be read is named in `reasons`.
    """
    if inline and answer is None:
        return NOTHING, None
    memory, earlier, heal = await _remembered(rt, user_id, answer=answer, deadline=deadline, reasons=reasons)
    if inline or earlier is not None:
        return NOTHING, earlier
    if memory is not None:
        return Recalled(memory.history, memory.paths), None
    return await _recorded(rt, user_id, deadline=deadline, reasons=reasons, heal=heal), None


async def _remembered(
    rt: Runtime, user_id: str, *, answer: str | None, deadline: float, reasons: list[str]
) -> tuple[ServingMemory | None, bytes | None, bool]:
    """The memory, the earlier answer, and whether a memory that is not there should be built."""
    try:
        memory, earlier = await in_time(
            rt.memory.serving(user_id, answer=answer), deadline, patience_ms=rt.settings.redis_timeout_ms
        )
    except MemoryUnreadable:
        reasons.append("memory_unavailable")
        return None, None, True
    except (StoreDown, TimeoutError):
        reasons.append("memory_unavailable")
        return None, None, False
    return memory, earlier, True


async def _recorded(rt: Runtime, user_id: str, *, deadline: float, reasons: list[str], heal: bool) -> Recalled:
    left = deadline - time.monotonic()
    wait = min(left / 2, rt.settings.database_timeout_ms / 1000)  # the other half is for ranking and recording
    try:
        history = await rt.health.within(rt.catalogue.history(user_id, limit=HISTORY_LIMIT), seconds=wait)
    except StoreDown:
        reasons.append("history_unavailable")
        return NOTHING
    if heal and (len(history) or "memory_unavailable" in reasons):
        with suppress(StoreDown, TimeoutError):  # the next request asks again
            await in_time(rt.streams.rebuild([user_id]), deadline, patience_ms=rt.settings.redis_timeout_ms)
    return Recalled(history)
