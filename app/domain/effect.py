"""Effect_D: how early the true item came under a demonstration (lrgd.md section 3)."""

import math

CUTOFF = 10  # K [O]: a true item below this position counts as absent
POSITION_CLIP = 10.0  # [O] the largest inverse position propensity
SERVING_FACTOR = 0.25  # [O] what the served path's own effect counts for, against self-confirmation


def effect(position: float | None, *, cutoff: int = CUTOFF) -> float:
    """1 / log2(position + 1) in [0, 1]; 0 when the item is absent or below the cutoff [O: no formula is published]."""
    if position is None or position > cutoff:
        return 0.0
    return 1.0 / math.log2(position + 1)


def position_weight(shown_at: int, *, served: bool) -> float:
    """Weight of a replayed effect: the inverse chance that position `shown_at` was looked at, clipped [O].

    The path that served is damped, because its own ranking chose what could be clicked.
    """
    weight = min(POSITION_CLIP, float(max(shown_at, 1)))
    return weight * SERVING_FACTOR if served else weight
