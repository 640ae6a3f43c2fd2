"""Softmax kernels kappa(k, q) = <phi(k), phi(q)> of attention, evaluated, never approximated (section 2d)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Kernel = Callable[[Floats, Floats], Floats]  # (queries [n, d], keys [m, d]) -> [n, m]


def exponential(queries: Floats, keys: Floats, *, shift: float = 0.0) -> Floats:
    """exp(q.k - shift), [n, m]: the kernel of one attention head whose q and k carry d^(-1/4) each [R].

    A shift scales every value alike, so it cancels in a normalised output; the largest q.k keeps all values in (0, 1].
    """
    values = queries @ keys.T
    values -= values.dtype.type(shift)
    return np.exp(values, out=values)


def cosine(tau: float) -> Kernel:
    """The softmax kernel of unit vectors at temperature tau: exp((q.k - 1)/tau), 1 where q = k (section 7) [O].

    It is `exponential` of vectors divided by sqrt(tau), shifted by 1/tau.
    """
    if tau <= 0:
        raise ValueError(f"a temperature is positive, not {tau}")

    def kernel(queries: Floats, keys: Floats) -> Floats:
        values = queries @ keys.T
        values -= 1  # in place: this runs for every request
        values /= tau
        return np.exp(values, out=values)

    return kernel


def exact(queries: NDArray[np.integer], keys: NDArray[np.integer]) -> NDArray[np.bool_]:
    """1 where query and key are the same item, else 0, [n, m]: the cosine kernel as tau goes to 0."""
    same: NDArray[np.bool_] = queries[:, None] == keys
    return same
