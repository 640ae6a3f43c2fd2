"""The k independent paths of one user, their statistics, and the choice of one to serve (lrgd.md section 5)."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache, lru_cache
from itertools import permutations
from statistics import NormalDist
from typing import NamedTuple

from app.domain.demonstration import Demonstration

DECAY = 0.98  # [O] what a path's past weighs after one more effect
EXPLORATION = 0.1  # [O] the share of requests spread evenly over the paths
DRAWS = 48  # joint posterior draws behind one propensity, for up to four paths
DEAL = 44  # of 300 seeds the one whose points come close to the exact shares of three paths, within 0.06
ARCHIVE_LIMIT = 5  # demonstrations kept per path, the current one among them
NORMAL_95 = 1.96


class Perspective(StrEnum):
    """What a path's lines are drafted from; path i of a user has the i-th perspective."""

    OWN = "own"
    SUCCESSORS = "successors"
    NEIGHBOURS = "neighbours"


class PathState(StrEnum):
    """Where a path stands: drafted and not yet tried, or active."""

    DRAFTED = "drafted"
    ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval; `low` and `high` are None while there is nothing to estimate from."""

    mean: float | None
    low: float | None
    high: float | None
    weight: float


class Statistics(NamedTuple):
    """Decayed, weighted sums of a path's effects and gains; `rounds` counts them without decay."""

    weight: float = 0.0
    weight_squared: float = 0.0
    effect: float = 0.0
    effect_squared: float = 0.0
    gain: float = 0.0
    gain_squared: float = 0.0
    rounds: int = 0

    def updated(self, *, effect: float, gain: float, weight: float) -> Statistics:
        """These statistics after one more effect of this weight."""
        return Statistics(
            weight=DECAY * self.weight + weight,
            weight_squared=DECAY**2 * self.weight_squared + weight**2,
            effect=DECAY * self.effect + weight * effect,
            effect_squared=DECAY * self.effect_squared + weight * effect**2,
            gain=DECAY * self.gain + weight * gain,
            gain_squared=DECAY * self.gain_squared + weight * gain**2,
            rounds=self.rounds + 1,
        )

    @property
    def sample_size(self) -> float:
        """How many equal observations the weighted ones are worth (Kish)."""
        return self.weight**2 / self.weight_squared if self.weight_squared > 0 else 0.0

    def effect_estimate(self) -> Estimate:
        """The mean effect with its interval."""
        return _estimate(self.effect, self.effect_squared, self.weight, self.sample_size)

    def gain_estimate(self) -> Estimate:
        """The mean gain over the control with its interval."""
        return _estimate(self.gain, self.gain_squared, self.weight, self.sample_size)

    def beta(self) -> tuple[float, float]:
        """The Beta posterior of the effect: a uniform prior and `sample_size` observations of the mean."""
        if self.weight <= 0:
            return 1.0, 1.0
        mean = min(max(self.effect / self.weight, 0.0), 1.0)
        return 1.0 + self.sample_size * mean, 1.0 + self.sample_size * (1.0 - mean)


UNTRIED = Statistics()


@dataclass(frozen=True, slots=True)
class Archived:
    """A demonstration that a path has served, with what it reached."""

    demonstration: Demonstration
    statistics: Statistics


@dataclass(frozen=True, slots=True)
class Path:
    """One independent line of demonstrations of one user."""

    index: int
    perspective: Perspective
    demonstration: Demonstration
    statistics: Statistics = UNTRIED
    state: PathState = PathState.DRAFTED

    def observed(self, *, effect: float, gain: float, weight: float) -> Path:
        """This path after one more effect."""
        statistics = self.statistics.updated(effect=effect, gain=gain, weight=weight)
        return replace(self, statistics=statistics, state=PathState.ACTIVE)


@dataclass(frozen=True, slots=True)
class Choice:
    """The path that serves, and the chance it had."""

    path: Path
    propensity: float


def choose_path(paths: Sequence[Path], draw: float) -> Choice:
    """A path by decayed Beta-Thompson sampling with an exploration floor [O], with its exact propensity.

    `draw` is uniform in [0, 1).
    The shares that the paths win are a function of their statistics alone; the path is drawn from those shares mixed
    with the uniform distribution, so the propensity that is logged is the one that was used. A path without a line is
    left out while another has some: it would rank like the control, and nothing is learned of it that could end that.
    """
    paths = [path for path in paths if len(path.demonstration)] or paths
    shares = thompson_shares(tuple(path.statistics.beta() for path in paths))
    floor = EXPLORATION / len(paths)
    left, chosen, chance = draw, paths[0], 0.0
    for chosen, share in zip(paths, shares, strict=True):  # noqa: B007 - the one it stops at is the choice
        chance = floor + (1.0 - EXPLORATION) * share
        left -= chance
        if left < 0:
            break
    return Choice(chosen, chance)  # the last path also where rounding left the chances short of one


@lru_cache(maxsize=16_384)
def thompson_shares(shapes: tuple[tuple[float, float], ...]) -> tuple[float, ...]:
    """How often a joint draw from these Beta posteriors is largest at each place, about; they sum to one.

    A normal approximation: drawn from normals of the same mean and deviation at fixed points. Equal posteriors have
    equal shares. In plain Python: for three paths an array library costs more than the arithmetic. Requests between two
    pieces of feedback ask the same, hence the cache.
    """
    means = [alpha / (alpha + beta) for alpha, beta in shapes]
    deviations = [
        math.sqrt(mean * (1.0 - mean) / (alpha + beta + 1.0)) for mean, (alpha, beta) in zip(means, shapes, strict=True)
    ]
    wins = [0] * len(shapes)
    points = _points(len(shapes))
    for point in points:
        drawn = [mean + each * at for mean, each, at in zip(means, deviations, point, strict=True)]
        wins[drawn.index(max(drawn))] += 1
    return tuple(won / len(points) for won in wins)


@cache
def _points(k: int) -> tuple[tuple[float, ...], ...]:
    """DRAWS points or more of the k-dimensional standard normal, the same in every process.

    With each point come all its permutations, so that no path is favoured. Evenly spread strata are dealt to the points
    at random, each once, so that a point's coordinates differ and equal posteriors are never tied.
    """
    count = max(DRAWS // math.factorial(k), 1)
    strata = [NormalDist().inv_cdf((place + 0.5) / (count * k)) for place in range(count * k)]
    random.Random(DEAL).shuffle(strata)
    return tuple(point for row in range(count) for point in permutations(strata[row * k : (row + 1) * k]))


def pinned_path(paths: Sequence[Path], index: int) -> Choice | None:
    """The path with this index, served for certain; None when the user has no such path."""
    for path in paths:
        if path.index == index:
            return Choice(path, 1.0)
    return None


def _estimate(total: float, squared: float, weight: float, size: float) -> Estimate:
    if weight <= 0:
        return Estimate(None, None, None, 0.0)
    mean = total / weight
    if size < 2:  # one observation has no spread to judge by
        return Estimate(mean, None, None, size)
    variance = max(squared / weight - mean**2, 0.0) * size / (size - 1)
    margin = NORMAL_95 * math.sqrt(variance / size)
    return Estimate(mean, mean - margin, mean + margin, size)
