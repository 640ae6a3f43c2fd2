"""Truncated singular value decomposition of sparse matrices by random projection (Halko, Martinsson, Tropp 2011)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

SEED = 20250406  # the projection is fixed, so that a fit of the same data gives the same vectors
OVERSAMPLING = 10
POWER_ITERATIONS = 4

Floats = NDArray[np.float32]


def truncated_svd(matrix: sparse.csr_matrix, rank: int) -> tuple[Floats, Floats, Floats]:
    """U [n, r], s [r], V [m, r] with matrix ~ U diag(s) V^T; r = min(rank, n, m), and is zero for an empty matrix."""
    rank = min(rank, *matrix.shape)
    matrix = matrix.astype(np.float32)
    transposed = matrix.T.tocsr()
    width = min(rank + OVERSAMPLING, *matrix.shape)
    rng = np.random.default_rng(SEED)
    basis = _orthonormal(matrix @ rng.standard_normal((matrix.shape[1], width), dtype=np.float32))
    for _ in range(POWER_ITERATIONS):
        basis = _orthonormal(matrix @ _orthonormal(transposed @ basis))
    small = (transposed @ basis).T  # [width, m]
    left, values, right = np.linalg.svd(small, full_matrices=False)
    return (basis @ left)[:, :rank], values[:rank], right[:rank].T


def unit_rows(matrix: NDArray[np.floating]) -> Floats:
    """The rows divided by their lengths, float32; rows of (nearly) no length become zero."""
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    rows = np.divide(matrix, lengths, out=np.zeros_like(matrix), where=lengths > 1e-6)
    return np.ascontiguousarray(rows, dtype=np.float32)


def _orthonormal(matrix: Floats) -> Floats:
    basis: Floats = np.linalg.qr(matrix)[0]
    return basis
