"""The shoppers of the invented shop: their true tastes, and how these turn into choices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.sample.assortment import Assortment, brands
from app.sample.words import DEPARTMENTS, STYLES, TIERS

_LOYALTY = 1.1  # what a favoured brand, line or style adds to the log chance of an item
_LINE = 0.9
_STYLE = 0.8
_NEXT = 2.2  # what being the next thing needed after the last purchase adds
_SAME_BRAND = 0.7
_OWNED = -2.0  # what owning one of the kind already takes away
_RARE = 0.02  # the interest in departments that are not among the tastes


@dataclass(frozen=True, slots=True)
class Shopper:
    """One person's tastes: their interest in each department before and after it drifts, and what they favour."""

    user_id: str
    before: NDArray[np.float64]  # [departments], sums to 1
    after: NDArray[np.float64]
    drifts_at: float  # in the shop's time from 0 to 1
    brands: NDArray[np.float64]  # [brands] 1 where favoured
    tiers: NDArray[np.float64]
    styles: NDArray[np.float64]
    sessions: int

    def interest(self, at: float) -> NDArray[np.float64]:
        """The interest in each department at a time; it drifts over a tenth of the shop's time."""
        drifted = min(max((at - self.drifts_at) / 0.1, 0.0), 1.0)
        return (1.0 - drifted) * self.before + drifted * self.after


def make_shopper(user_id: str, rng: np.random.Generator) -> Shopper:
    """The same shopper for the same state of the generator."""
    before = _interests(rng)
    return Shopper(
        user_id=user_id,
        before=before,
        after=0.35 * before + 0.65 * _interests(rng),
        drifts_at=float(rng.uniform(0.2, 0.9)),
        brands=_favoured(len(brands()), 6, rng),
        tiers=_favoured(len(TIERS), 1, rng),
        styles=_favoured(len(STYLES), 2, rng),
        sessions=2 + int(rng.geometric(0.3)),
    )


def appeal(
    assortment: Assortment, shopper: Shopper, history: Sequence[int], at: float, *, department: int | None = None
) -> NDArray[np.float64]:
    """The log chance, up to a constant, of each item to be taken next [N]; -inf where it cannot be.

    `history` holds indices of items, oldest first; `at` is in the shop's time from 0 to 1; in a session only one
    `department` is looked at.
    """
    scores = assortment.fame + np.log(shopper.interest(at))[assortment.department]
    scores += _LOYALTY * shopper.brands[assortment.brand] + _LINE * shopper.tiers[assortment.tier]
    scores += _STYLE * shopper.styles[assortment.style]
    if history:
        last = history[-1]
        here = assortment.department == assortment.department[last]
        scores += _NEXT * (here & (assortment.stage == assortment.stage[last] + 1))
        scores += _SAME_BRAND * (assortment.brand == assortment.brand[last])
        owned = {(assortment.department[each], assortment.stage[each]) for each in history}
        for place, stage in owned:
            scores += _OWNED * ((assortment.department == place) & (assortment.stage == stage))
        scores[list(history)] = -np.inf
    scores[assortment.arrives > at] = -np.inf
    if department is not None:
        scores[assortment.department != department] = -np.inf
    return scores


def chances(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """The chance of each item [N] at these scores."""
    odds = np.exp(scores - scores.max())
    normalised: NDArray[np.float64] = odds / odds.sum()
    return normalised


def _interests(rng: np.random.Generator) -> NDArray[np.float64]:
    """Two or three departments that matter, and a little of all others."""
    weights = np.full(len(DEPARTMENTS), _RARE)
    chosen = rng.permutation(len(DEPARTMENTS))[: int(rng.integers(2, 4))]
    weights[chosen] += rng.dirichlet(np.full(len(chosen), 2.0))
    normalised: NDArray[np.float64] = weights / weights.sum()
    return normalised


def _favoured(size: int, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    favoured = np.zeros(size)
    favoured[rng.permutation(size)[:count]] = 1.0
    return favoured
