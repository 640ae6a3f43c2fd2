"""The linear model W behind attention, in coefficient form: W phi(q) = sum_j c_j kappa(k_j, q) (2b, 2d).

Nothing is approximated: phi is never built, only its inner products are. Adding a demonstration adds terms, which
is one gradient step of rate 1 from W_T.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.lrgd.kernel import Floats, Kernel


@dataclass(frozen=True, slots=True)
class Terms:
    """A dual model at n queries: `kernel` [n, m] holds kappa(k_j, q), `coefficients` [m] or [m, v] the c_j."""

    kernel: Floats | NDArray[np.bool_]
    coefficients: Floats

    def output(self) -> Floats:
        """W phi(q), [n] or [n, v]."""
        result: Floats = self.kernel @ self.coefficients
        return result

    def parts(self, query: int | NDArray[np.intp]) -> Floats:
        """What each term adds to the output of scalar coefficients at these queries, [.., m]; they sum to `output`."""
        result: Floats = self.kernel[query] * self.coefficients
        return result


@dataclass(frozen=True, slots=True)
class DualModel:
    """W = sum_j c_j phi(k_j)^T with keys [m, d] and coefficients [m] or [m, v]."""

    keys: Floats
    coefficients: Floats
    kernel: Kernel

    def at(self, queries: Floats) -> Terms:
        """The terms of W phi(q) for each query, [n, m]."""
        return Terms(self.kernel(queries, self.keys), self.coefficients)

    def apply(self, queries: Floats) -> Floats:
        """W phi(q) for each query, [n] or [n, v]."""
        return self.at(queries).output()

    def stepped(self, keys: Floats, coefficients: Floats) -> DualModel:
        """W + sum_i c_i phi(k_i)^T: one gradient step of rate 1 on -sum_i <c_i, W phi(k_i)> [R: N2 of section 2b]."""
        return DualModel(
            np.concatenate([self.keys, keys]), np.concatenate([self.coefficients, coefficients]), self.kernel
        )


def output(terms: Iterable[Terms]) -> Floats:
    """The output of the sum of several dual models: the sum of their outputs."""
    first, *others = (each.output() for each in terms)
    for other in others:
        first = first + other
    return first
