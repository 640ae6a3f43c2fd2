"""Candidates from the whole catalogue: a cheap first look at every item, for the exact ranker to order [O]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.domain.demonstration import Demonstration
from app.domain.space import Space
from app.lrgd.kernel import cosine

EVENTS = 6  # newest events compared with every item; the exact ranker reads 20
GAMMA = 0.8
TEXT = 0.3
PRIOR = 0.01  # of popularity and of recent popularity alike
_KERNEL = cosine(0.3)


def retrieve(
    space: Space,
    history: NDArray[np.int32],
    *,
    exclude: NDArray[np.int32],
    demonstration: Demonstration | None = None,
    limit: int = 300,
) -> NDArray[np.int32]:
    """Up to `limit` item numbers, likely ones first, none of `exclude`; the dual score with the newest events only.

    Users without a history get popular items and the labels of the demonstration.
    """
    scores = PRIOR * (space.popularity + space.trend)
    rows = space.rows(history)
    rows = rows[rows >= 0][-EVENTS:]
    if len(rows):
        discounts = (GAMMA ** np.arange(len(rows) - 1, -1, -1)).astype(np.float32)
        discounts /= discounts.sum()
        scores += _KERNEL(space.collaborative, space.collaborative[rows]) @ discounts
        scores += _KERNEL(space.text, space.text[rows]) @ (TEXT * discounts)
    if demonstration is not None:
        labels = space.rows(demonstration.lines["label"])
        np.add.at(scores, labels[labels >= 0], demonstration.lines["weight"][labels >= 0])
    left_out = space.rows(exclude)
    left_out = np.unique(left_out[left_out >= 0])
    scores[left_out] = -np.inf
    return space.numbers[_largest(scores, min(limit, len(space) - len(left_out)))]


def _largest(scores: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Indices of the `count` largest scores, largest first."""
    if count <= 0:
        return np.empty(0, dtype=np.intp)
    top = np.argpartition(scores, len(scores) - count)[-count:]
    return top[np.argsort(-scores[top], kind="stable")]
