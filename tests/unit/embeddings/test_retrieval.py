"""The first look at the whole catalogue."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.domain.demonstration import Demonstration, make_lines
from app.domain.ranking import Task
from app.domain.space import Space, make_space
from app.embeddings.extension import empty_space
from app.embeddings.index import retrieve
from app.rankers.dual import DualRanker

NOTHING = np.empty(0, dtype=np.int32)


def space_of(size: int = 400) -> Space:
    rng = np.random.default_rng(5)
    centres = rng.standard_normal((20, 8))
    vectors = centres[np.arange(size) % 20] + 0.5 * rng.standard_normal((size, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return make_space(
        version="v",
        as_of=0,
        numbers=np.arange(size, dtype=np.int32) + 10,
        item_ids=[str(row) for row in range(size)],
        titles=[str(row) for row in range(size)],
        collaborative=vectors.astype(np.float32),
        text=np.zeros((size, 0), dtype=np.float32),
        popularity=rng.standard_normal(size).astype(np.float32),
        arrivals=np.empty(0, dtype=np.int64),
    )


def of(*values: int) -> NDArray[np.int32]:
    return np.array(values, dtype=np.int32)


def test_the_exact_rankers_first_ten_are_in_the_pool() -> None:
    space, rng = space_of(), np.random.default_rng(6)
    found = []
    for _ in range(20):
        history = rng.choice(space.numbers, 20, replace=False)
        pool = retrieve(space, history, exclude=history, limit=60)
        rest = np.setdiff1d(space.numbers, history)
        ranking = DualRanker(space).rank(Task(rest, history))
        found.append(np.isin(rest[ranking.order[:10]], pool).mean())
    assert np.mean(found) >= 0.95


def test_excluded_items_are_never_returned_and_the_limit_holds() -> None:
    space = space_of(50)
    pool = retrieve(space, of(10, 11), exclude=of(10, 11, 12, 12, -1, 999), limit=1000)
    assert sorted(pool.tolist()) == list(range(13, 60))
    assert len(retrieve(space, of(10), exclude=NOTHING, limit=7)) == 7
    assert len(retrieve(space, of(10), exclude=space.numbers, limit=7)) == 0


def test_without_history_the_popular_come_first() -> None:
    space = space_of(50)
    pool = retrieve(space, NOTHING, exclude=NOTHING, limit=5)
    assert pool.tolist() == (space.numbers[np.argsort(-space.popularity)[:5]]).tolist()


def test_labels_of_the_demonstration_are_in_the_pool() -> None:
    space = space_of(50)
    rarest = int(space.numbers[space.popularity.argmin()])
    lines = Demonstration("d", 1, make_lines([(10, rarest, 0.2, 0), (10, 9_999, 1.0, 0)]))
    assert retrieve(space, NOTHING, exclude=NOTHING, demonstration=lines, limit=3)[0] == rarest


def test_an_empty_catalogue_has_no_candidates() -> None:
    assert len(retrieve(empty_space(), of(1), exclude=of(1), limit=10)) == 0
