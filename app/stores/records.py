"""Rows of PostgreSQL for the impressions, outcomes and turns of the domain, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import RowMapping

from app.domain.impression import Impression, Outcome, PathEffect, ServedDemonstration
from app.domain.path import Perspective
from app.domain.round import DraftedDemonstration, Round
from app.stores.clock import moment, moment_of_ms, seconds

Values = Mapping[str, Any]

_AS_THEY_ARE = (
    *("path", "position", "effect", "control_effect", "gain"),
    *("value", "served_by", "model", "user_id", "item_id", "event", "impression_id"),
)


def of_impression(impression: Impression) -> Values:
    """The row of an impression."""
    return {
        "impression_id": impression.impression_id,
        "served_at": moment_of_ms(impression.served_at_ms),
        "user_id": impression.user_id,
        "candidates": list(impression.candidates),
        "shown": impression.shown,
        "history": list(impression.history),
        "served_by": impression.served_by,
        "model": impression.model,
        "path": impression.path,
        "propensity": impression.propensity,
        "demonstrations": [asdict(each) for each in impression.demonstrations] or None,
        "degraded_reasons": list(impression.degraded_reasons),
        "as_of": None if impression.at is None else moment(impression.at),
    }


def impression(row: RowMapping) -> Impression:
    """The impression in this row."""
    return Impression(
        impression_id=row["impression_id"],
        user_id=row["user_id"],
        candidates=tuple(row["candidates"]),
        shown=row["shown"],
        history=tuple(row["history"]),
        served_by=row["served_by"],
        model=row["model"],
        path=row["path"],
        propensity=row["propensity"],
        demonstrations=tuple(ServedDemonstration(**each) for each in row["demonstrations"] or ()),
        degraded_reasons=tuple(row["degraded_reasons"]),
        at=None if row["as_of"] is None else seconds(row["as_of"]),
    )


def of_outcome(outcome: Outcome) -> Values:
    """The row of an outcome."""
    return {
        **{name: getattr(outcome, name) for name in _AS_THEY_ARE},
        "at": moment(outcome.at),
        "received_at": moment(outcome.received_at),
        "effects": [asdict(each) for each in outcome.effects] or None,
    }


def outcome(row: RowMapping) -> Outcome:
    """The outcome in this row."""
    return Outcome(
        **{name: row[name] for name in _AS_THEY_ARE},
        at=seconds(row["at"]),
        received_at=seconds(row["received_at"]),
        effects=tuple(PathEffect(**each) for each in row["effects"] or ()),
    )


def of_demonstration(drafted: DraftedDemonstration) -> Values:
    """The row of a drafted demonstration."""
    return {
        "demonstration_id": drafted.demonstration_id,
        "user_id": drafted.user_id,
        "path": drafted.path,
        "version": drafted.version,
        "parent_id": drafted.parent_id,
        "perspective": drafted.perspective.value,
        "lines": [list(line) for line in drafted.lines],
        "words": list(drafted.words),
        "created_at": moment(drafted.created_at),
    }


def demonstration(row: RowMapping) -> DraftedDemonstration:
    """The drafted demonstration in this row."""
    return DraftedDemonstration(
        demonstration_id=row["demonstration_id"],
        user_id=row["user_id"],
        path=row["path"],
        version=row["version"],
        perspective=Perspective(row["perspective"]),
        lines=tuple((sample, label, weight, at) for sample, label, weight, at in row["lines"]),
        words=tuple(row["words"]),
        created_at=seconds(row["created_at"]),
        parent_id=row["parent_id"],
    )


def of_round(turn: Round) -> Values:
    """The row of a path's turn."""
    return {**asdict(turn), "at": moment(turn.at)}


def round_of(row: RowMapping) -> Round:
    """The turn of a path in this row."""
    return Round(
        user_id=row["user_id"],
        path=row["path"],
        round=row["round"],
        demonstration_id=row["demonstration_id"],
        reason=row["reason"],
        accepted=row["accepted"],
        at=seconds(row["at"]),
        effect=row["effect"],
        control_effect=row["control_effect"],
        gain=row["gain"],
        similarity=row["similarity"],
    )
