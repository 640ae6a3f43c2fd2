"""The embedded ranker: the dual model of attention with items for tokens (section 7) [O: our use of the paper's form].

The task T contributes the terms of the history, the demonstration D those of its lines; a score is their sum:

    s(c) = sum_i w_i [K(c, h_i) + a K_text(c, h_i)] + sum_j eta_j [c = y_j] + b z(log pop_c) + t log(1 + recent_c)

with K(u, v) = exp((cos(u, v) - 1)/tau) and w_i = gamma^(n - i), normalised to sum 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.domain.demonstration import NO_SAMPLE, Demonstration
from app.domain.ranking import Ranking, Reason, ReasonKind, Task
from app.domain.space import Space
from app.lrgd.dual import Terms
from app.lrgd.kernel import Kernel, cosine, exact
from app.rankers.reasons import Sources, strongest
from app.rankers.weights import DualWeights

__all__ = ["DualRanker", "DualRanking", "DualWeights"]


@dataclass(frozen=True, slots=True)
class _TaskPart:
    """W_T at n candidates: what a task says without any demonstration; `score` [n] is the sum of the other parts."""

    candidates: NDArray[np.int32]
    events: NDArray[np.int32]  # item numbers of the history that count, [h]
    history: Terms
    popularity: NDArray[np.float32]
    trend: NDArray[np.float32]
    score: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class DualRanking(Ranking):
    """A ranking that remembers the terms it was summed from, so that explaining it costs no second evaluation."""

    task_part: _TaskPart = field(repr=False, kw_only=True)
    lines: Terms | None = field(repr=False, kw_only=True)
    samples: NDArray[np.int32] = field(repr=False, kw_only=True)  # of the lines, item numbers or NO_SAMPLE


class DualRanker:
    """Ranks with the exact kernel terms of the history plus the lines of the demonstration."""

    name = "dual"

    def __init__(self, space: Space, weights: DualWeights | None = None) -> None:
        self.space = space
        self.weights = weights or DualWeights()
        self._kernel: Kernel = cosine(self.weights.tau)
        self._text_kernel: Kernel = cosine(self.weights.tau_text)
        self._discounts = [_discounts(length, self.weights.gamma) for length in range(self.weights.events + 1)]

    def rank(self, task: Task) -> Ranking:
        """The candidates under the task's own demonstration."""
        return self._under(self._task_part(task), task.demonstration)

    def replay(self, task: Task, demonstrations: Sequence[Demonstration | None]) -> list[Ranking]:
        """The candidates under each of these demonstrations instead; W_T is evaluated once."""
        part = self._task_part(task)
        return [self._under(part, demonstration) for demonstration in demonstrations]

    def explain(
        self, task: Task, ranking: Ranking, items: Sequence[int] | NDArray[np.int32], *, parts: int = 3
    ) -> list[list[Reason]]:
        """For each item its strongest parts and the rest; they sum to its score. KeyError for an item not ranked."""
        if not isinstance(ranking, DualRanking):
            ranking = self._under(self._task_part(task), task.demonstration)
        place = {number: index for index, number in enumerate(ranking.candidates.tolist())}
        places = np.array([place[int(item)] for item in items], dtype=np.intp)
        return strongest(_parts(ranking, places), _sources(ranking), ranking.scores[places], limit=parts)

    def _task_part(self, task: Task) -> _TaskPart:
        space, weights = self.space, self.weights
        rows = space.rows(task.candidates)
        events, history_rows, discounts = self._events(task.history)
        kernel = self._kernel(space.collaborative[rows], space.collaborative[history_rows])
        text = self._text_kernel(space.text[rows], space.text[history_rows])
        text *= weights.text
        kernel += text
        history = Terms(kernel, discounts)
        popularity = space.popularity[rows] * np.float32(weights.popularity)
        trend = space.recent(rows, space.as_of if task.at is None else task.at) * np.float32(weights.trend)
        score = history.output() + popularity
        score += trend
        return _TaskPart(task.candidates, events, history, popularity, trend, score)

    def _events(self, history: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
        """Numbers, rows and discounts of the newest known events; one entry an item, repeats added up."""
        rows = self.space.rows(history)
        if len(rows) and rows.min() < 0:
            history, rows = history[rows >= 0], rows[rows >= 0]
        history, rows = history[-self.weights.events :], rows[-self.weights.events :]
        discounts = self._discounts[len(rows)]
        if len(set(rows.tolist())) == len(rows):
            return history, rows, discounts
        rows, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
        added = np.zeros(len(rows), dtype=np.float32)
        np.add.at(added, inverse, discounts)
        return history[first], rows, added

    def _under(self, part: _TaskPart, demonstration: Demonstration | None) -> DualRanking:
        """W_T + dW_D at the candidates."""
        lines, samples, scores = None, _NONE, part.score
        if demonstration is not None and len(demonstration.lines):
            brought = demonstration.lines["weight"] * np.float32(self.weights.lines)
            lines = Terms(exact(part.candidates, demonstration.lines["label"]), brought)
            samples = demonstration.lines["sample"]
            scores = np.add(scores, lines.output(), dtype=np.float32)
        return DualRanking(
            part.candidates, scores, self.name, self.space.version, task_part=part, lines=lines, samples=samples
        )


_NONE = np.empty(0, dtype=np.int32)
_FIXED: tuple[ReasonKind, ...] = ("popularity", "trend")  # come before the events
_HISTORY: tuple[ReasonKind, ...] = ("history",)
_LINE: tuple[ReasonKind, ...] = ("line",)


def _discounts(length: int, gamma: float) -> NDArray[np.float32]:
    """gamma^(age) of each event, oldest first, normalised to sum 1."""
    discounts = gamma ** np.arange(length - 1, -1, -1, dtype=np.float64)
    normalised: NDArray[np.float32] = (discounts / max(discounts.sum(), 1e-12)).astype(np.float32)
    return normalised


def _parts(ranking: DualRanking, places: NDArray[np.intp]) -> NDArray[np.float32]:
    """[n, 2 + h + l]: popularity, trend, each event, each line."""
    part = ranking.task_part
    events = len(_FIXED) + len(part.events)
    parts = np.empty((len(places), events + len(ranking.samples)), dtype=np.float32)
    parts[:, 0] = part.popularity[places]
    parts[:, 1] = part.trend[places]
    parts[:, len(_FIXED) : events] = part.history.parts(places)
    if ranking.lines is not None:
        parts[:, events:] = ranking.lines.parts(places)
    return parts


def _sources(ranking: DualRanking) -> Sources:
    """What the columns of `_parts` are."""
    events, samples = ranking.task_part.events.tolist(), ranking.samples.tolist()
    kinds: list[ReasonKind] = [*_FIXED, *_HISTORY * len(events), *_LINE * len(samples)]
    return kinds, [None, None, *events, *(None if sample == NO_SAMPLE else sample for sample in samples)]
