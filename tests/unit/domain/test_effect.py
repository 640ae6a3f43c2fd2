"""Effect_D and the weights of replayed effects."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.effect import CUTOFF, POSITION_CLIP, SERVING_FACTOR, effect, position_weight


@pytest.mark.parametrize(("position", "expected"), [(1, 1.0), (3, 0.5), (1.5, 0.756471), (10, 0.289065)])
def test_the_effect_falls_with_the_position(position: float, expected: float) -> None:
    assert effect(position) == pytest.approx(expected, abs=1e-6)


def test_absent_and_below_the_cutoff_are_zero() -> None:
    assert [effect(each) for each in (None, CUTOFF + 0.5, 11, 500)] == [0.0] * 4


@given(st.floats(1, 20), st.floats(1, 20))
def test_earlier_is_never_worse(a: float, b: float) -> None:
    first, second = sorted((a, b))
    assert 0.0 <= effect(second) <= effect(first) <= 1.0


def test_the_cutoff_can_be_moved() -> None:
    assert effect(12, cutoff=20) > 0


@pytest.mark.parametrize(("shown_at", "weight"), [(-1, 1), (0, 1), (1, 1), (4, 4), (10, 10), (11, POSITION_CLIP)])
def test_a_weight_is_the_clipped_inverse_chance_of_a_look(shown_at: int, weight: float) -> None:
    assert position_weight(shown_at, served=False) == weight
    assert position_weight(shown_at, served=True) == weight * SERVING_FACTOR
