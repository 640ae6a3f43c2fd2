"""The last rung of the ladder: what most users take, whoever asks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.domain.demonstration import Demonstration
from app.domain.ranking import Ranking, Reason, Task
from app.domain.space import Space
from app.rankers.reasons import Sources, strongest

_SOURCES: Sources = (("popularity", "trend"), (None, None))


class PopularityRanker:
    """Ranks by all-time and recent popularity, z(log pop) + log(1 + recent); demonstrations change nothing."""

    name = "popularity"

    def __init__(self, space: Space) -> None:
        self.space = space

    def rank(self, task: Task) -> Ranking:
        """The candidates, most popular first."""
        return Ranking(task.candidates, self._parts(task).sum(axis=1), self.name, self.space.version)

    def replay(self, task: Task, demonstrations: Sequence[Demonstration | None]) -> list[Ranking]:
        """The same ranking for every demonstration."""
        return [self.rank(task)] * len(demonstrations)

    def explain(
        self, task: Task, ranking: Ranking, items: Sequence[int] | NDArray[np.int32], *, parts: int = 3
    ) -> list[list[Reason]]:
        """For each item what popularity and trend add; they sum to its score. KeyError for an item not ranked."""
        place = {number: index for index, number in enumerate(ranking.candidates.tolist())}
        places = np.array([place[int(item)] for item in items], dtype=np.intp)
        return strongest(self._parts(task)[places], _SOURCES, ranking.scores[places], limit=parts)

    def _parts(self, task: Task) -> NDArray[np.float32]:
        """[n, 2]: popularity and trend."""
        space = self.space
        rows = space.rows(task.candidates)
        trend = space.recent(rows, space.as_of if task.at is None else task.at)
        return np.stack([space.popularity[rows], trend], axis=1)
