"""Popularity for everyone."""

from __future__ import annotations

import numpy as np
import pytest

from app.domain.demonstration import Demonstration, make_lines
from app.domain.ranking import Task
from app.domain.space import make_space
from app.rankers.popularity import PopularityRanker

SPACE = make_space(
    version="v",
    as_of=100,
    numbers=np.array([3, 5, 8], dtype=np.int32),
    item_ids=["a", "b", "c"],
    titles=["A", "B", "C"],
    collaborative=np.zeros((3, 0), dtype=np.float32),
    text=np.zeros((3, 0), dtype=np.float32),
    popularity=np.array([-1.0, 0.0, 1.0], dtype=np.float32),
    arrivals=np.array([0 << 32 | 40] * 9 + [2 << 32 | 90], dtype=np.int64),
)
TASK = Task(np.array([3, 5, 8], dtype=np.int32), np.array([5], dtype=np.int32))


def test_what_is_taken_most_comes_first_now_and_then() -> None:
    ranker = PopularityRanker(SPACE)
    assert ranker.rank(TASK).order.tolist() == [2, 0, 1]
    assert ranker.rank(Task(TASK.candidates, TASK.history, at=10)).order.tolist() == [2, 1, 0]


def test_demonstrations_change_nothing() -> None:
    ranker = PopularityRanker(SPACE)
    lines = Demonstration("d", 1, make_lines([(5, 3, 9.0, 0)]))
    first, second = ranker.replay(TASK, [None, lines])
    np.testing.assert_array_equal(first.scores, second.scores)
    assert first.served_by == "popularity"


def test_explanations_sum_to_the_score() -> None:
    ranker = PopularityRanker(SPACE)
    ranking = ranker.rank(TASK)
    for score, reasons in zip(ranking.scores, ranker.explain(TASK, ranking, [3, 5, 8]), strict=True):
        assert sum(reason.weight for reason in reasons) == pytest.approx(float(score), rel=1e-6)
        assert reasons[-1].kind == "other"
