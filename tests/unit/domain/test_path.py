"""Choosing a path, and what its statistics say."""

from __future__ import annotations

import uuid
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.demonstration import Demonstration, make_lines
from app.domain.impression import draw_of, new_impression_id
from app.domain.path import (
    DECAY,
    EXPLORATION,
    Path,
    PathState,
    Perspective,
    Statistics,
    choose_path,
    pinned_path,
    thompson_shares,
)

UNIT = st.floats(0.0, 1.0)
OBSERVATIONS = st.lists(st.tuples(UNIT, st.floats(0.1, 10.0)), max_size=30)


def observed(effects: list[tuple[float, float]]) -> Statistics:
    statistics = Statistics()
    for effect, weight in effects:
        statistics = statistics.updated(effect=effect, gain=effect - 0.5, weight=weight)
    return statistics


def paths(*statistics: Statistics) -> list[Path]:
    empty = make_lines([])
    return [
        Path(index, perspective, Demonstration(str(uuid.uuid4()), 1, empty), each)
        for index, (perspective, each) in enumerate(zip(Perspective, statistics, strict=True))
    ]


STRONG, MIDDLE, WEAK = observed([(0.9, 5.0)] * 30), observed([(0.5, 5.0)] * 30), observed([(0.1, 5.0)] * 30)


def test_propensities_are_the_chances_that_are_drawn_from() -> None:
    """Over many generators the inverse propensity of a path, counted where it was chosen, averages to one."""
    held = paths(MIDDLE, observed([(0.6, 1.0)] * 4), Statistics())
    draws = 3000
    chosen = [choose_path(held, draw) for draw in np.random.default_rng(1).random(draws)]
    for path in held:
        weights = [1.0 / each.propensity for each in chosen if each.path is path]
        assert sum(weights) / draws == pytest.approx(1.0, abs=0.15)


def _chances(held: list[Path]) -> dict[int, float]:
    """What each path would be logged with, whichever is drawn."""
    found: dict[int, float] = {}
    for level in np.linspace(0.0, 0.999, 60):
        choice = choose_path(held, float(level))
        found[choice.path.index] = choice.propensity
    return found


def test_propensities_sum_to_one_over_the_paths() -> None:
    found = _chances(paths(MIDDLE, observed([(0.6, 1.0)] * 4), Statistics()))
    assert len(found) == 3
    assert sum(found.values()) == pytest.approx(1.0)


def test_no_path_falls_below_the_floor() -> None:
    held = paths(STRONG, WEAK, WEAK)
    choices = [choose_path(held, draw) for draw in np.random.default_rng(2).random(2000)]
    floor = EXPLORATION / 3
    assert min(each.propensity for each in choices) == pytest.approx(floor)
    for path in held[1:]:
        assert sum(each.path is path for each in choices) / 2000 == pytest.approx(floor, abs=0.015)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("shape", [(1.0, 1.0), (3.0, 9.0)])
def test_equal_posteriors_share_equally(k: int, shape: tuple[float, float]) -> None:
    assert thompson_shares((shape,) * k) == pytest.approx((1 / k,) * k)


@given(st.permutations([(2.0, 5.0), (2.0, 5.0), (4.0, 3.0)]))
def test_a_share_depends_on_the_posterior_and_not_on_the_place(shapes: list[tuple[float, float]]) -> None:
    shares = dict(zip(shapes, thompson_shares(tuple(shapes)), strict=True))
    expected = thompson_shares(((2.0, 5.0), (2.0, 5.0), (4.0, 3.0)))
    assert shares == {(2.0, 5.0): expected[0], (4.0, 3.0): expected[2]}
    assert expected[0] == expected[1]


@pytest.mark.parametrize("shapes", [((5.0, 5.0), (6.0, 4.0), (4.0, 6.0)), ((1.0, 1.0), (9.0, 3.0), (9.0, 3.0))])
def test_shares_are_about_how_often_a_draw_is_largest(shapes: tuple[tuple[float, float], ...]) -> None:
    rng = np.random.default_rng(4)
    drawn = np.stack([rng.beta(alpha, beta, 20_000) for alpha, beta in shapes])
    exact = np.bincount(drawn.argmax(axis=0), minlength=len(shapes)) / 20_000
    assert thompson_shares(shapes) == pytest.approx(exact.tolist(), abs=0.1)


def test_a_path_without_a_line_does_not_serve_while_another_has_some() -> None:
    held = paths(WEAK, STRONG, Statistics())
    spoken = Demonstration(str(uuid.uuid4()), 1, make_lines([(1, 2, 0.5, 3)]))
    held[0] = replace(held[0], demonstration=spoken)
    choice = choose_path(held, 0.99)
    assert choice.path.index == 0
    assert choice.propensity == pytest.approx(1.0)


def test_the_best_path_serves_most() -> None:
    held = paths(WEAK, STRONG, MIDDLE)
    chosen = [choose_path(held, draw).path.index for draw in np.random.default_rng(3).random(300)]
    assert np.bincount(chosen, minlength=3).argmax() == 1


def test_one_impression_gives_one_path() -> None:
    held = paths(Statistics(), MIDDLE, Statistics())
    draw = draw_of(new_impression_id(1_700_000_000_000))
    assert 0.0 <= draw < 1.0
    assert choose_path(held, draw) == choose_path(held, draw)


def test_a_single_path_is_certain() -> None:
    assert choose_path(paths(WEAK, STRONG, MIDDLE)[:1], 0.5).propensity == pytest.approx(1.0)


def test_a_pinned_path_is_certain_and_a_missing_one_is_none() -> None:
    held = paths(WEAK, STRONG, MIDDLE)
    choice = pinned_path(held, 2)
    assert choice is not None
    assert (choice.path.index, choice.propensity) == (2, 1.0)
    assert pinned_path(held, 3) is None


def test_nothing_is_estimated_from_nothing() -> None:
    estimate = Statistics().effect_estimate()
    assert (estimate.mean, estimate.low, estimate.high) == (None, None, None)
    assert Statistics().beta() == (1.0, 1.0)


def test_one_observation_has_a_mean_and_no_interval() -> None:
    estimate = observed([(0.75, 3.0)]).effect_estimate()
    assert estimate.mean == pytest.approx(0.75)
    assert (estimate.low, estimate.high) == (None, None)


@given(OBSERVATIONS)
def test_estimates_stay_where_the_effects_are(effects: list[tuple[float, float]]) -> None:
    statistics = observed(effects)
    assert statistics.rounds == len(effects)
    assert statistics.sample_size <= len(effects) + 1e-9
    alpha, beta = statistics.beta()
    assert alpha >= 1.0
    assert beta >= 1.0
    estimate = statistics.effect_estimate()
    if estimate.mean is None:
        return
    values = [effect for effect, _ in effects]
    assert min(values) - 1e-9 <= estimate.mean <= max(values) + 1e-9
    if estimate.low is not None and estimate.high is not None:
        assert estimate.low <= estimate.mean <= estimate.high


def test_equal_observations_count_each_once_and_the_past_fades() -> None:
    assert observed([(0.5, 4.0)] * 2).sample_size == pytest.approx(2.0, rel=1e-3)
    assert observed([(0.5, 4.0)] * 5000).sample_size == pytest.approx((1 + DECAY) / (1 - DECAY), rel=1e-6)
    changed = observed([(0.0, 1.0)] * 500 + [(1.0, 1.0)] * 500).effect_estimate()
    assert changed.mean == pytest.approx(1.0, abs=1e-3)


def test_gains_may_be_negative() -> None:
    estimate = observed([(0.0, 1.0), (0.25, 1.0), (0.5, 1.0)]).gain_estimate()
    assert estimate.mean is not None
    assert estimate.mean < 0


def test_an_observed_path_is_active() -> None:
    path = paths(Statistics(), Statistics(), Statistics())[0]
    assert path.state is PathState.DRAFTED
    after = path.observed(effect=1.0, gain=0.5, weight=2.0)
    assert (after.state, after.statistics.rounds, after.demonstration) == (PathState.ACTIVE, 1, path.demonstration)
