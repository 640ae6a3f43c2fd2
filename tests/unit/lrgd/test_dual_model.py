"""The dual form against attention itself, and the kernels against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lrgd.dual import DualModel, output
from app.lrgd.kernel import cosine, exact, exponential


def vectors(rng: np.random.Generator, count: int, size: int = 6) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return rng.standard_normal((count, size))


@given(seed=st.integers(0, 2**32 - 1), task=st.integers(1, 8), lines=st.integers(1, 8))
def test_attention_with_a_demonstration_is_one_step_from_the_task_alone(seed: int, task: int, lines: int) -> None:
    rng = np.random.default_rng(seed)
    keys, values, queries = vectors(rng, task + lines), vectors(rng, task + lines, 3), vectors(rng, 4)
    ones = np.hstack([values, np.ones((len(values), 1))])  # u = [v ; 1]: the last row is the normaliser
    scores = np.exp(queries @ keys.T)
    attention = scores @ values / scores.sum(axis=1, keepdims=True)

    zero_shot = DualModel(keys[:task], ones[:task], exponential)
    stepped = zero_shot.stepped(keys[task:], ones[task:]).apply(queries)

    np.testing.assert_allclose(stepped[:, :-1] / stepped[:, -1:], attention, rtol=1e-9)


def test_adding_terms_is_adding_outputs() -> None:
    rng = np.random.default_rng(1)
    keys, weights, queries = vectors(rng, 5), rng.standard_normal(5), vectors(rng, 3)
    whole = DualModel(keys, weights, exponential)
    first, second = (DualModel(keys[part], weights[part], exponential) for part in (slice(2), slice(2, None)))
    np.testing.assert_allclose(output([first.at(queries), second.at(queries)]), whole.apply(queries))
    np.testing.assert_allclose(whole.at(queries).parts(np.arange(3)).sum(axis=1), whole.apply(queries))


def test_a_shift_scales_every_value_alike() -> None:
    rng = np.random.default_rng(2)
    keys, queries = vectors(rng, 3), vectors(rng, 2)
    np.testing.assert_allclose(exponential(queries, keys, shift=1.5) * np.exp(1.5), exponential(queries, keys))


def test_the_cosine_kernel_is_one_at_the_key_and_the_exponential_kernel_elsewhere() -> None:
    rng = np.random.default_rng(3)
    keys = vectors(rng, 4)
    keys /= np.linalg.norm(keys, axis=1, keepdims=True)
    values = cosine(0.3)(keys, keys)
    np.testing.assert_allclose(np.diag(values), 1)
    scaled = keys / np.sqrt(0.3)
    np.testing.assert_allclose(values, exponential(scaled, scaled, shift=1 / 0.3))
    assert cosine(0.3)(keys.astype(np.float32), keys.astype(np.float32)).dtype == np.float32


def test_a_temperature_is_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        cosine(0.0)


def test_exact_matches_equal_numbers_only() -> None:
    found = exact(np.array([1, 2, 3]), np.array([3, 1]))
    assert found.tolist() == [[False, True], [False, False], [True, False]]
