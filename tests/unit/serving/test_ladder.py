"""The best ranker that can answer does."""

from __future__ import annotations

import time

import numpy as np
import pytest

from app.domain.ranking import Task
from app.domain.space import Space
from app.embeddings.index import retrieve
from app.rankers.dual import DualRanker
from app.rankers.popularity import PopularityRanker
from app.runtime import Model, Ranker
from app.serving import ladder
from tests.unit.serving.test_candidates import space_of

SPACE = space_of(a=0, b=1, c=2)
TASK = Task(np.array([0, 1, 2], dtype=np.int32), np.array([1], dtype=np.int32))


def model(*rankers: Ranker) -> Model:
    return Model(SPACE, rankers, retrieve, fitted=True)


def damaged() -> Space:
    """A space whose text vectors do not belong to its items."""
    space = space_of(a=0, b=1, c=2)
    object.__setattr__(space, "text", np.zeros((1, 4), dtype=np.float32))
    return space


def later() -> float:
    return time.monotonic() + 60


def test_the_first_rung_answers_when_it_can() -> None:
    reasons: list[str] = []
    best = DualRanker(SPACE)
    ranker, ranking = ladder.rank(model(best, PopularityRanker(SPACE)), TASK, deadline=later(), reasons=reasons)
    assert ranker is best
    assert (ranking.served_by, reasons) == ("dual", [])


def test_a_rung_that_breaks_is_named_and_the_next_one_answers() -> None:
    reasons: list[str] = []
    rungs = model(DualRanker(damaged()), PopularityRanker(SPACE))
    _, ranking = ladder.rank(rungs, TASK, deadline=later(), reasons=reasons)
    assert (ranking.served_by, reasons) == ("popularity", ["dual_failed"])


def test_past_the_deadline_only_the_last_rung_is_tried() -> None:
    reasons: list[str] = []
    rungs = model(DualRanker(damaged()), PopularityRanker(SPACE))
    _, ranking = ladder.rank(rungs, TASK, deadline=time.monotonic(), reasons=reasons)
    assert (ranking.served_by, reasons) == ("popularity", ["deadline"])


def test_with_one_rung_there_is_nothing_to_miss() -> None:
    reasons: list[str] = []
    ladder.rank(model(PopularityRanker(SPACE)), TASK, deadline=time.monotonic(), reasons=reasons)
    assert reasons == []


def test_an_error_of_the_last_rung_is_ours() -> None:
    with pytest.raises(IndexError):
        ladder.rank(model(DualRanker(damaged())), TASK, deadline=later(), reasons=[])
