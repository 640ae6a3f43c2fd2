"""How well a ranking did, and how sure that is: per-event measures, means with intervals, paired differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NORMAL_95 = 1.959964


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean of `count` values with its 95 % interval; None where there are too few values."""

    mean: float | None
    low: float | None
    high: float | None
    count: int

    def __str__(self) -> str:
        if self.mean is None:
            return "-"
        if self.low is None or self.high is None:
            return f"{self.mean:.3f}"
        return f"{self.mean:.3f} ± {(self.high - self.low) / 2:.3f}"


NOTHING = Mean(None, None, None, 0)


def ndcg(position: float | None, k: int) -> float:
    """nDCG@k of the one true item at this 1-based position: 1 / log2(position + 1), 0 below k or when absent."""
    if position is None or position > k:
        return 0.0
    return 1.0 / math.log2(position + 1)


def recall(position: float | None, k: int) -> float:
    """1 when the one true item is among the first k, else 0."""
    return 0.0 if position is None or position > k else 1.0


def mean(values: Sequence[float]) -> Mean:
    """The mean with its normal 95 % interval; one value has no interval."""
    if not values:
        return NOTHING
    array = np.asarray(values, dtype=np.float64)
    middle = float(array.mean())
    if len(array) < 2:
        return Mean(middle, None, None, 1)
    margin = NORMAL_95 * float(array.std(ddof=1)) / math.sqrt(len(array))
    return Mean(middle, middle - margin, middle + margin, len(array))


def paired(values: Sequence[float], control: Sequence[float]) -> Mean:
    """The mean of values less control, event by event; raises ValueError when they are not pairs."""
    return mean([value - other for value, other in zip(values, control, strict=True)])
