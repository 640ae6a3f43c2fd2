"""Explanations: the strongest additive parts of a score, and the rest in one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.domain.ranking import UNITS, Reason, ReasonKind

_new = tuple.__new__  # forty reasons an answer: made past NamedTuple's own constructor in a third of its time
Sources = tuple[Sequence[ReasonKind], Sequence[int | None]]  # of each column of parts: what it is, and of which item


def strongest(
    parts: NDArray[np.float32], sources: Sources, scores: NDArray[np.float32], *, limit: int
) -> list[list[Reason]]:
    """For each row of parts [n, m] the `limit` largest in size, largest first, then "other" with what is left.

    Weights are rounded to 1/UNITS, and those of a row sum to its rounded score; parts of no weight are not reasons.
    """
    limit = min(limit, parts.shape[1])
    top = np.abs(parts).argsort(axis=1)[:, : -limit - 1 : -1]
    weights = parts[np.arange(len(parts))[:, None], top]
    listed = zip(top.tolist(), weights.tolist(), scores.tolist(), strict=True)
    return [_reasons(columns, shown, score, sources) for columns, shown, score in listed]


def _reasons(columns: list[int], weights: list[float], score: float, sources: Sources) -> list[Reason]:
    """The reasons of one score, reckoned in whole units of the last digit shown: so they sum to it exactly."""
    kinds, items = sources
    left = round(score * UNITS)
    reasons = []
    for column, weight in zip(columns, weights, strict=True):
        if weight:
            units = round(weight * UNITS)
            left -= units
            reasons.append(_new(Reason, (kinds[column], units / UNITS, items[column])))
    reasons.append(_new(Reason, ("other", left / UNITS, None)))
    return reasons
