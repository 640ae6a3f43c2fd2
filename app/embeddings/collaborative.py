"""Vectors of items from who took what after what: PPMI of windowed co-occurrence, truncated SVD (section 7) [O]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from app.embeddings.decomposition import truncated_svd, unit_rows

DIMENSIONS = 128
WINDOW = 10  # items back and ahead, weighted 1/distance
SMOOTHING = 0.75  # exponent of the context distribution: tempers the luck of rare contexts


def collaborative_vectors(
    users: NDArray[np.int32], rows: NDArray[np.int32], times: NDArray[np.int64], *, size: int
) -> NDArray[np.float32]:
    """Unit vectors [size, min(DIMENSIONS, size)] from events in any order; zero rows for items without company."""
    if not size or not len(rows):
        return np.zeros((size, min(DIMENSIONS, size)), dtype=np.float32)
    order = np.lexsort((times, users))
    left, values, right = truncated_svd(ppmi(cooccurrence(users[order], rows[order], size=size)), DIMENSIONS)
    # where the matrix has a negative eigenvalue left and right differ in sign and cancel, which keeps it positive;
    # scaled by the full singular values: their square root lets the noisy last dimensions speak too loud
    return unit_rows((left + right) * values)


def cooccurrence(users: NDArray[np.int32], rows: NDArray[np.int32], *, size: int) -> sparse.csr_matrix:
    """Symmetric [size, size] sums of 1/distance over pairs in one user's sequence; events sorted by user and time."""
    firsts, seconds, weights = [], [], []
    for distance in range(1, min(WINDOW, len(rows) - 1) + 1):
        pair = (users[distance:] == users[:-distance]) & (rows[distance:] != rows[:-distance])
        firsts.append(rows[:-distance][pair])
        seconds.append(rows[distance:][pair])
        weights.append(np.full(int(pair.sum()), 1 / distance, dtype=np.float32))
    if not firsts:
        return sparse.csr_matrix((size, size), dtype=np.float32)
    places = (np.concatenate(firsts), np.concatenate(seconds))
    ahead = sparse.csr_matrix((np.concatenate(weights), places), shape=(size, size))
    return (ahead + ahead.T).tocsr()


def ppmi(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """max(0, log(p(a, b) / (p(a) p(b)^SMOOTHING))) of each pair, sparse; the context distribution sums to 1."""
    pairs = counts.tocoo()
    totals = np.bincount(pairs.row, pairs.data, counts.shape[0])
    contexts = np.bincount(pairs.col, pairs.data, counts.shape[1]) ** SMOOTHING
    contexts /= max(contexts.sum(), 1e-12)
    information = np.log(pairs.data / (totals[pairs.row] * contexts[pairs.col]))
    positive = information > 0
    kept = (information[positive], (pairs.row[positive], pairs.col[positive]))
    return sparse.csr_matrix(kept, shape=counts.shape, dtype=np.float32)
