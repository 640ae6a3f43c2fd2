"""Positions in a ranking."""

from __future__ import annotations

import numpy as np
import pytest

from app.domain.ranking import Ranking


def ranking(*scores: float) -> Ranking:
    numbers = np.arange(len(scores), dtype=np.int32) + 100
    return Ranking(numbers, np.array(scores, dtype=np.float32), "dual", "v")


def test_the_best_comes_first() -> None:
    ranked = ranking(0.1, 0.9, 0.5)
    assert ranked.order.tolist() == [1, 2, 0]
    assert [ranked.position(number) for number in (100, 101, 102)] == [3, 1, 2]


def test_ties_stand_at_their_middle() -> None:
    ranked = ranking(0.5, 0.9, 0.5, 0.5, 0.1)
    assert [ranked.position(number) for number in (100, 102, 103)] == [3, 3, 3]
    assert ranked.position(104) == 5
    assert ranked.order.tolist() == [1, 0, 2, 3, 4]


@pytest.mark.parametrize("count", [1, 2, 7])
def test_all_equal_is_the_middle(count: int) -> None:
    assert ranking(*[0.25] * count).position(100) == (count + 1) / 2


def test_what_was_not_ranked_has_no_position() -> None:
    assert ranking(0.5, 0.1).position(7) is None
    assert ranking().position(7) is None
