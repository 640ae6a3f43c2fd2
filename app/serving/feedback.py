"""Taking feedback: join it with its impression's user, make it durable, once."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from app import metrics
from app.domain.impression import Feedback, served_at_of
from app.domain.items import EventKind
from app.domain.space import Space
from app.runtime import Runtime

REPEAT, UNKNOWN = 0, -1  # what becomes of a report that is not taken; feedback on an erased user's past is unknown

Key = tuple[str, str, str]  # impression, item, event: the identity of an outcome


@dataclass(frozen=True, slots=True)
class Report:
    """One validated piece of feedback; `occurred_at` in seconds since the epoch."""

    impression_id: str
    item_id: str
    event: EventKind
    occurred_at: int | None = None
    position: int | None = None
    value: float | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one report: accepted (once), a repeat, or about an impression nobody knows."""

    known: bool
    duplicate: bool = False


async def feedback(rt: Runtime, reports: Sequence[Report], *, now_s: int) -> list[Receipt]:
    """A receipt for each report; what is accepted is durable. Raises StoreDown when it cannot be made so."""
    owners, recorded = await _owners(rt, {report.impression_id for report in reports})
    space = rt.live.current.space
    known = [report for report in reports if report.impression_id in owners and _key(report) not in recorded]
    taken = await rt.streams.accept(
        [_feedback(report, owners[report.impression_id], space, now_s=now_s) for report in known]
    )
    fates: dict[int, int] = {id(report): REPEAT for report in reports if _key(report) in recorded}
    fates |= zip(map(id, known), taken, strict=True)
    receipts = [_receipt(fates.get(id(report), UNKNOWN)) for report in reports]
    for report, receipt in zip(reports, receipts, strict=True):
        result = "unknown" if not receipt.known else "duplicate" if receipt.duplicate else "accepted"
        metrics.FEEDBACK.labels(report.event, result).inc()
    return receipts


def _receipt(fate: int) -> Receipt:
    return Receipt(known=fate != UNKNOWN, duplicate=fate == REPEAT)


def _key(report: Report) -> Key:
    return report.impression_id, report.item_id, str(report.event)


async def _owners(rt: Runtime, impression_ids: set[str]) -> tuple[dict[str, str], set[Key]]:
    """The user of each impression, and which outcomes there are of those whose attribution window is over.

    The latter are PostgreSQL's to know: what was accepted of them is forgotten by Redis.
    """
    wanted = sorted(each for each in impression_ids if _is_impression_id(each))
    if not wanted:
        return {}, set()
    owners = {each: served.user_id for each, served in (await rt.streams.impressions(wanted)).items()}
    if late := [each for each in wanted if each not in owners]:
        seconds = rt.settings.database_timeout_ms / 1000
        found = await rt.health.within(rt.outcomes.impressions(late), seconds=seconds)
        owners |= {each.impression_id: each.user_id for each in found}
        old = [each.impression_id for each in found]
        if old:
            return owners, await rt.health.within(rt.outcomes.keys_of(old), seconds=seconds)
    return owners, set()


def _is_impression_id(text: str) -> bool:
    """True for ids as we write them: another spelling of the same UUID would be counted as another impression."""
    try:
        served_at_of(text)
    except ValueError:
        return False
    return text == str(uuid.UUID(text))


def _feedback(report: Report, user_id: str, space: Space, *, now_s: int) -> Feedback:
    row = space.row_of_id.get(report.item_id)
    return Feedback(
        impression_id=report.impression_id,
        user_id=user_id,
        item_id=report.item_id,
        item=-1 if row is None else int(space.numbers[row]),
        event=report.event,
        occurred_at=now_s if report.occurred_at is None else report.occurred_at,
        received_at=now_s,
        position=report.position,
        value=report.value,
        event_id=report.event_id,
    )
