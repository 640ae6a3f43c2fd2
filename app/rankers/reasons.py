"""Explanations: the strongest additive parts of a score, and the rest in one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.domain.ranking import DIGITS, Reason, ReasonKind

Source = tuple[ReasonKind, int | None]  # what a part is, and the item number it is about


def strongest(
    parts: NDArray[np.float32], sources: Sequence[Source], scores: NDArray[np.float32], *, limit: int
) -> list[list[Reason]]:
    """For each row of parts [n, m] the `limit` largest in size, largest first, then "other" with what is left.

    Weights are rounded to DIGITS, and those of a row sum to its rounded score; parts of no weight are not reasons.
    """
    limit = min(limit, parts.shape[1])
    top = np.abs(parts).argsort(axis=1)[:, ::-1][:, :limit]
    weights = np.take_along_axis(parts, top, axis=1).astype(np.float64).round(DIGITS)
    other = (scores.astype(np.float64).round(DIGITS) - weights.sum(axis=1)).round(DIGITS)
    listed = zip(top.tolist(), weights.tolist(), other.tolist(), strict=True)
    return [
        [
            *(
                Reason(sources[column][0], weight, sources[column][1])
                for column, weight in zip(columns, shown, strict=True)
                if weight
            ),
            Reason("other", rest),
        ]
        for columns, shown, rest in listed
    ]
