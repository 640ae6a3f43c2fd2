"""Guessed vectors of items that nobody took."""

from __future__ import annotations

import numpy as np
import pytest

from app.embeddings.folding import SETTLED, UNSEEN, folded, guessed

EAST, NORTH, NOWHERE = [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]
TEXT = np.array([EAST, NORTH, EAST, NORTH, NOWHERE], dtype=np.float32)
VECTORS = np.array([EAST, NORTH, NOWHERE, NOWHERE, NOWHERE], dtype=np.float32)
COUNTS = np.array([50, 50, 0, 0, 0])


def test_an_unseen_item_lies_where_its_text_neighbours_lie() -> None:
    vectors = folded(VECTORS, TEXT, COUNTS)
    np.testing.assert_allclose(vectors, TEXT * [[1], [1], [UNSEEN], [UNSEEN], [0]])


def test_own_interactions_count_against_the_text() -> None:
    north_by_text = np.array([EAST, NORTH, NORTH], dtype=np.float32)
    east_by_company = np.array([EAST, NORTH, EAST], dtype=np.float32)
    share = [folded(east_by_company, north_by_text, np.array([50, 50, count]))[2, 0] for count in (1, 5, SETTLED)]
    assert share == sorted(share)
    assert share[0] == pytest.approx(1 / np.hypot(1, 0.5), rel=1e-6)
    assert share[-1] == 1


def test_nobody_teaches_themselves() -> None:
    alone = guessed(np.array([0]), collaborative=VECTORS[:1], text=TEXT[:1], counts=COUNTS[:1])
    assert not alone.any()


def test_without_text_or_teachers_nothing_is_guessed() -> None:
    np.testing.assert_array_equal(folded(VECTORS, np.zeros((5, 0), dtype=np.float32), COUNTS), VECTORS)
    nobody = np.zeros_like(VECTORS)
    assert not folded(nobody, TEXT, np.zeros(5, dtype=np.int64)).any()
    assert folded(np.zeros((0, 0), np.float32), np.zeros((0, 0), np.float32), np.zeros(0, np.int64)).shape == (0, 0)
