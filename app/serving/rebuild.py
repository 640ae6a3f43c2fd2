"""Building a user's memory: the history from PostgreSQL, a first demonstration for each path."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app import metrics
from app.domain.demonstration import Demonstration
from app.domain.history import HISTORY_LIMIT, History
from app.domain.learned import Learned
from app.domain.memory import Memory
from app.domain.path import Archived, Path, Perspective, Statistics
from app.domain.round import DraftedDemonstration, Round
from app.runtime import Model, Runtime

FIRST_DRAFT = "first_draft"


async def rebuilt(rt: Runtime, user_id: str, existing: Memory | None, *, now_s: int) -> tuple[Memory, list[Learned]]:
    """A memory with the history of PostgreSQL merged in; paths are drafted where there are none yet.

    What an existing memory has learned is kept, so that building it twice does no harm. With it come the drafted
    demonstrations, to be recorded when the memory is saved.
    """
    stored = await rt.catalogue.history(user_id, limit=HISTORY_LIMIT)
    if existing is not None:
        return replace(existing, history=existing.history.merged(stored.events)), []
    paths = first_paths(rt.live.current, user_id, stored, now_s=now_s)
    archives = tuple((Archived(path.demonstration, Statistics()),) for path in paths)
    metrics.MEMORIES_BUILT.inc()
    return Memory(0, stored, paths, archives), recorded(rt.live.current, user_id, paths, now_s=now_s)


def first_paths(model: Model, user_id: str, history: History, *, now_s: int) -> tuple[Path, ...]:
    """One path for each perspective, drafted independently; no paths while there is no fitted log to draft from."""
    if model.drafter is None:
        return ()
    drafts = [
        (perspective, model.drafter.draft(perspective, user_id=user_id, history=history, now=now_s))
        for perspective in Perspective
    ]
    return tuple(
        Path(index, perspective, Demonstration(str(uuid.uuid4()), 1, lines))
        for index, (perspective, lines) in enumerate(drafts)
    )


def recorded(model: Model, user_id: str, paths: Sequence[Path], *, now_s: int) -> list[Learned]:
    """The message that records the first draft of these paths."""
    if not paths:
        return []
    drafted = tuple(
        DraftedDemonstration(
            demonstration_id=path.demonstration.demonstration_id,
            user_id=user_id,
            path=path.index,
            version=path.demonstration.version,
            perspective=path.perspective,
            lines=_rows(path.demonstration.lines),
            words=tuple(path.demonstration.in_words(model.title)),
            created_at=now_s,
        )
        for path in paths
    )
    rounds = tuple(
        Round(user_id, path.index, 0, path.demonstration.demonstration_id, FIRST_DRAFT, accepted=True, at=now_s)
        for path in paths
    )
    return [Learned(user_id, demonstrations=drafted, rounds=rounds)]


def _rows(lines: NDArray[np.void]) -> tuple[tuple[int, int, float, int], ...]:
    return tuple(
        (int(line["sample"]), int(line["label"]), float(line["weight"]), int(line["born_at"])) for line in lines
    )
