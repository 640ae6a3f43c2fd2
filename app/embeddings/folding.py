"""Collaborative vectors for items that few or none have taken: those of the items whose text is most like theirs [O].

An item that nobody took lies where its text neighbours lie, so it competes in the collaborative kernel as well; each
interaction of its own then counts against the share of the text.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.embeddings.decomposition import unit_rows

NEIGHBOURS = 20
TEMPERATURE = 0.1  # of the softmax kernel over text neighbours
PRIOR_COUNT = 0.5  # interactions that the text is worth
SETTLED = 20  # with this many interactions the text would move next to nothing
TEACHERS = 20_000  # items that others learn from, the most taken: bounds the cost for large catalogues
UNSEEN = 0.85  # length of a vector known from text alone, so that a guess does not outrank evidence
_ROWS = 1024  # items at a time: 80 MB of likenesses at most

Floats = NDArray[np.float32]


def folded(collaborative: Floats, text: Floats, counts: NDArray[np.integer]) -> Floats:
    """The vectors [N, d] with the text's share blended in: length 1, UNSEEN where only the text is known, else 0."""
    pupils = np.flatnonzero(counts < SETTLED)
    seen = collaborative[pupils].any(axis=1, keepdims=True)
    own = (counts[pupils] / (counts[pupils] + PRIOR_COUNT))[:, None].astype(np.float32)
    learned = guessed(pupils, collaborative=collaborative, text=text, counts=counts)
    blended = unit_rows(own * collaborative[pupils] + (1 - own) * unit_rows(learned))
    vectors = collaborative.copy()
    vectors[pupils] = np.where(seen, blended, learned)
    return vectors


def guessed(rows: NDArray[np.integer], *, collaborative: Floats, text: Floats, counts: NDArray[np.integer]) -> Floats:
    """Vectors [len(rows), d] of length UNSEEN, kernel means of the nearest other items that were taken."""
    guesses = np.zeros((len(rows), collaborative.shape[1]), dtype=np.float32)
    taught = np.flatnonzero((counts > 0) & collaborative.any(axis=1))
    teachers = np.sort(taught[np.argsort(-counts[taught], kind="stable")[:TEACHERS]])
    if not len(teachers) or not text.shape[1]:
        return guesses
    for start in range(0, len(rows), _ROWS):
        part = rows[start : start + _ROWS]
        likeness = text[part] @ text[teachers].T
        place = np.searchsorted(teachers, part).clip(max=len(teachers) - 1)
        own = np.flatnonzero(teachers[place] == part)
        likeness[own, place[own]] = 0  # nobody teaches themselves
        guesses[start : start + _ROWS] = _kernel_means(likeness, collaborative[teachers])
    return unit_rows(guesses) * np.float32(UNSEEN)


def _kernel_means(likeness: Floats, vectors: Floats) -> Floats:
    """Sums over the nearest columns of exp((cos - 1)/TEMPERATURE) times their vectors, [n, d]; unlike ones count 0."""
    count = min(NEIGHBOURS, likeness.shape[1])
    nearest = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
    near = np.take_along_axis(likeness, nearest, axis=1)
    weights = np.where(near > 0, np.exp((near - 1) / TEMPERATURE), 0).astype(np.float32)
    means: Floats = np.einsum("nk,nkd->nd", weights, vectors[nearest])
    return means
