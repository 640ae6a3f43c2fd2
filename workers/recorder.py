"""Writes what happened to PostgreSQL, in batches; a repeat changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from app import metrics
from app.domain.impression import Impression
from app.domain.learned import Learned
from app.runtime import Runtime
from app.stores import messages
from app.stores.outcomes import Recorded
from workers.entry import Entry


async def record_impressions(rt: Runtime, entries: Sequence[Entry]) -> None:
    """Writes a batch of impressions."""
    served = [(messages.unpack(Impression, entry.body), entry) for entry in entries]
    marks = await rt.memory.erased_since([impression.user_id for impression, _ in served])
    kept = [impression for impression, entry in served if _outlives(marks, impression.user_id, entry)]
    _count(await rt.outcomes.record(impressions=kept))


async def record_outcomes(rt: Runtime, entries: Sequence[Entry]) -> None:
    """Writes a batch of outcomes with the interactions, demonstrations and rounds that came with them."""
    told = [(messages.unpack(Learned, entry.body), entry) for entry in entries]
    marks = await rt.memory.erased_since([learned.user_id for learned, _ in told])
    kept = [learned for learned, entry in told if _outlives(marks, learned.user_id, entry)]
    written = await rt.outcomes.record(
        outcomes=[learned.outcome for learned in kept if learned.outcome is not None],
        interactions=[learned.interaction for learned in kept if learned.interaction is not None],
        demonstrations=[each for learned in kept for each in learned.demonstrations],
        rounds=[each for learned in kept for each in learned.rounds],
    )
    _count(written)


def _outlives(marks: Mapping[str, int], user_id: str, entry: Entry) -> bool:
    """False for what was said before its user was erased."""
    return user_id not in marks or entry.added_ms > marks[user_id]


def _count(written: Recorded) -> None:
    for table, rows in asdict(written).items():
        metrics.RECORDED.labels(table).inc(rows)
