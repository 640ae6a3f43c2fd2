"""What is asked of a ranker, and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.domain.demonstration import Demonstration

UNITS = 10**6  # scores and weights are shown in millionths
ReasonKind = Literal["history", "line", "popularity", "trend", "other"]


@dataclass(frozen=True, slots=True)
class Task:
    """Rank `candidates` (item numbers, [n]) for a user whose newest events are `history` (item numbers, oldest first).

    `at` is the second to rank as of; None means the newest moment the ranker knows.
    """

    candidates: NDArray[np.int32]
    history: NDArray[np.int32]
    demonstration: Demonstration | None = None
    at: int | None = None


class Reason(NamedTuple):
    """One additive part of a score; the parts of an item sum to its score."""

    kind: ReasonKind
    weight: float
    item: int | None = None  # item number: the history event, or the label's sample


@dataclass(frozen=True, slots=True)
class Ranking:
    """Scores of a task's candidates, aligned with them, and the best-first order."""

    candidates: NDArray[np.int32]
    scores: NDArray[np.float32]
    served_by: str
    model: str
    order: NDArray[np.intp] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", np.argsort(-self.scores, kind="stable"))

    def position(self, item: int) -> float | None:
        """1-based position of an item number, ties at their middle; None when it is not a candidate."""
        here = np.flatnonzero(self.candidates == item)
        if not len(here):
            return None
        score = self.scores[here[0]]
        better = int((self.scores > score).sum())
        equal = int((self.scores == score).sum()) - 1
        return 1 + better + equal / 2


def shown(score: float) -> float:
    """A score as it is shown; five times faster than round() to digits, which goes through decimal text."""
    return round(score * UNITS) / UNITS
