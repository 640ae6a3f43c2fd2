"""Explanations: the strongest additive parts of a score, and the rest in one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.domain.ranking import Reason, ReasonKind

Source = tuple[ReasonKind, int | None]  # what a part is, and the item number it is about


def strongest(
    parts: NDArray[np.float32], sources: Sequence[Source], scores: NDArray[np.float32], *, limit: int
) -> list[list[Reason]]:
    """For each row of parts [n, m] the `limit` largest in size, largest first, then "other" with what is left.

    The weights of a row sum to its score; parts of no weight are not reasons.
    """
    limit = min(limit, parts.shape[1])
    if limit <= 0:
        return [[Reason("other", score)] for score in scores.tolist()]
    top = np.abs(parts).argsort(axis=1)[:, : -limit - 1 : -1]
    weights = parts[np.arange(len(parts))[:, None], top]
    listed = zip(top.tolist(), weights.tolist(), scores.tolist(), strict=True)
    return [_reasons(columns, values, score, sources) for columns, values, score in listed]


def _reasons(columns: list[int], weights: list[float], score: float, sources: Sequence[Source]) -> list[Reason]:
    reasons = []
    for column, weight in zip(columns, weights, strict=True):
        if weight:
            kind, item = sources[column]
            reasons.append(Reason(kind, weight, item))
    reasons.append(Reason("other", score - sum(weights)))
    return reasons
