"""Co-occurrence and PPMI against slow references, and vectors of small catalogues."""

from __future__ import annotations

import math

import numpy as np
from scipy import sparse

from app.embeddings.collaborative import SMOOTHING, WINDOW, collaborative_vectors, cooccurrence, ppmi
from app.embeddings.decomposition import truncated_svd, unit_rows

USERS = np.array([0, 0, 0, 0, 1, 1, 1, 2], dtype=np.int32)
ROWS = np.array([0, 1, 0, 2, 1, 3, 3, 2], dtype=np.int32)


def test_cooccurrence_sums_inverse_distances_within_a_user() -> None:
    expected = np.zeros((4, 4))
    for first in range(len(ROWS)):
        for second in range(first + 1, min(first + WINDOW + 1, len(ROWS))):
            if USERS[first] == USERS[second] and ROWS[first] != ROWS[second]:
                expected[ROWS[first], ROWS[second]] += 1 / (second - first)
                expected[ROWS[second], ROWS[first]] += 1 / (second - first)
    np.testing.assert_allclose(cooccurrence(USERS, ROWS, size=4).toarray(), expected, rtol=1e-6)


def test_ppmi_is_the_positive_part_of_the_smoothed_information() -> None:
    counts = np.array([[0, 4, 1], [4, 0, 0], [1, 0, 0]], dtype=np.float32)
    contexts = counts.sum(axis=0) ** SMOOTHING
    contexts /= contexts.sum()
    found = ppmi(sparse.csr_matrix(counts)).toarray()
    for row in range(3):
        for column in range(3):
            count = counts[row, column]
            information = math.log(count / (counts[row].sum() * contexts[column])) if count else 0.0
            assert math.isclose(found[row, column], max(information, 0.0), abs_tol=1e-6)


def test_items_of_the_same_users_are_near_and_strangers_are_not() -> None:
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(40, dtype=np.int32), 4)
    rows = np.concatenate([rng.permutation(5)[:4] + 5 * (user % 2) for user in range(40)]).astype(np.int32)
    vectors = collaborative_vectors(users, rows, np.arange(160), size=11)
    assert vectors[0] @ vectors[1] > 0.5 > vectors[0] @ vectors[6]
    assert not vectors[10].any()


def test_order_of_events_does_not_matter_and_the_fit_repeats_itself() -> None:
    times = np.arange(len(ROWS), dtype=np.int64)
    shuffled = np.random.default_rng(1).permutation(len(ROWS))
    first = collaborative_vectors(USERS, ROWS, times, size=4)
    second = collaborative_vectors(USERS[shuffled], ROWS[shuffled], times[shuffled], size=4)
    np.testing.assert_array_equal(first, second)


def test_no_event_gives_no_vector() -> None:
    nothing = np.empty(0, dtype=np.int32)
    assert not collaborative_vectors(nothing, nothing, nothing.astype(np.int64), size=3).any()
    assert collaborative_vectors(nothing, nothing, nothing.astype(np.int64), size=0).shape == (0, 0)


def test_the_truncated_decomposition_is_the_exact_one_of_a_small_matrix() -> None:
    matrix = np.random.default_rng(2).standard_normal((7, 5)).astype(np.float32)
    left, values, right = truncated_svd(sparse.csr_matrix(matrix), 5)
    np.testing.assert_allclose(left * values @ right.T, matrix, atol=1e-5)
    assert truncated_svd(sparse.csr_matrix((0, 4), dtype=np.float32), 3)[0].shape == (0, 0)


def test_rows_of_no_length_stay_zero() -> None:
    rows = unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_allclose(rows, np.array([[0.6, 0.8], [0.0, 0.0]]), rtol=1e-6)
