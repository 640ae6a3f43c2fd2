"""Measures of one ranking, and of many."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.evaluation.measures import NOTHING, mean, ndcg, paired, recall

POSITIONS = st.one_of(st.none(), st.floats(1, 200))


def test_the_first_place_is_worth_one_and_later_ones_less() -> None:
    assert [ndcg(position, 10) for position in (1, 3, 7, 10)] == pytest.approx([1, 1 / 2, 1 / 3, 1 / math.log2(11)])


def test_below_the_cutoff_and_absent_count_nothing() -> None:
    for position in (None, 10.5, 11):
        assert ndcg(position, 10) == recall(position, 10) == 0
    assert recall(10, 10) == recall(1, 1) == 1


def test_a_tie_over_the_first_place_is_not_the_first_place() -> None:
    assert ndcg(1.5, 1) == 0
    assert 0.5 < ndcg(1.5, 10) < 1


@given(POSITIONS, st.integers(1, 50))
def test_ndcg_never_exceeds_recall(position: float | None, k: int) -> None:
    assert 0 <= ndcg(position, k) <= recall(position, k) <= 1


def test_the_mean_of_nothing_is_nothing() -> None:
    assert mean([]) == NOTHING
    assert str(NOTHING) == "-"


def test_one_value_has_no_interval() -> None:
    assert str(mean([0.25])) == "0.250"


def test_nineteen_of_twenty_intervals_hold_the_truth() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(400):
        found = mean(rng.beta(0.6, 0.9, 200).tolist())
        held += (found.low or 0) <= 0.4 <= (found.high or 0)
    assert 0.92 < held / 400 < 0.98


def test_pairing_takes_out_what_both_share() -> None:
    rng = np.random.default_rng(5)
    control = rng.random(100)
    gained = paired((control + 0.01).tolist(), control.tolist())
    assert (gained.mean, gained.low, gained.high) == pytest.approx((0.01, 0.01, 0.01))
    assert gained.count == 100


def test_what_is_not_a_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        paired([1.0, 0.0], [1.0])
