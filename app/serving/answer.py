"""A recommendation as the contract words it: these field names are the JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypedDict

import orjson

from app.domain.demonstration import Demonstration
from app.domain.ranking import Ranking, Reason, shown
from app.runtime import Model


class Because(TypedDict):
    """One additive part of an item's score; a plain dict, forty of which an answer makes."""

    kind: str
    item_id: str | None
    weight: float


class RankedItem(TypedDict):
    """One returned item."""

    item_id: str
    title: str
    rank: int
    score: float
    because: list[Because]


@dataclass(frozen=True, slots=True)
class ShownDemonstration:
    """The demonstration that served, in words."""

    id: str
    version: int
    lines: list[str]


@dataclass(frozen=True, slots=True)
class Ignored:
    """An id of the request that was left out, and why."""

    item_id: str
    reason: str


@dataclass(slots=True)
class Answer:
    """The body of a 200."""

    impression_id: str
    user_id: str
    items: list[RankedItem]
    served_by: str
    model: str
    path: int | None = None
    mixture: None = None
    propensity: float | None = None
    demonstration: ShownDemonstration | None = None
    ignored: list[Ignored] = field(default_factory=list)
    degraded: bool = False
    degraded_reasons: list[str] = field(default_factory=list)
    timings_ms: dict[str, float] = field(default_factory=dict)

    def packed(self) -> bytes:
        """The JSON body."""
        self.degraded = bool(self.degraded_reasons)
        return orjson.dumps(self)


def ranked_items(model: Model, ranking: Ranking, reasons: Sequence[list[Reason]]) -> list[RankedItem]:
    """The best `len(reasons)` items of a ranking with their reasons, whose weights sum to the score as printed."""
    space = model.space
    best = ranking.order[: len(reasons)]
    rows = space.rows(ranking.candidates[best]).tolist()
    scores = ranking.scores[best].tolist()
    ids = {item: model.item_id(item) for parts in reasons for _, _, item in parts if item is not None}
    return [
        {
            "item_id": space.item_ids[row],
            "title": space.titles[row],
            "rank": place,
            "score": shown(score),
            "because": [
                {"kind": kind, "item_id": None if item is None else ids[item], "weight": weight}
                for kind, weight, item in parts
            ],
        }
        for place, (row, score, parts) in enumerate(zip(rows, scores, reasons, strict=True), start=1)
    ]


def shown_demonstration(model: Model, demonstration: Demonstration) -> ShownDemonstration:
    """A demonstration with its strongest lines in words."""
    lines = demonstration.in_words(model.title)
    return ShownDemonstration(demonstration.demonstration_id, demonstration.version, lines)
