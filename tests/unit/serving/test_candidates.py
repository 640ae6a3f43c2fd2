"""Which of the caller's candidates are ranked."""

from __future__ import annotations

import numpy as np

from app.domain.space import Space, make_space
from app.serving import candidates
from app.serving.answer import Ignored


def space_of(**ids: int) -> Space:
    zeros = np.zeros((len(ids), 0), dtype=np.float32)
    return make_space(
        version="v",
        as_of=0,
        numbers=np.array(list(ids.values()), dtype=np.int32),
        item_ids=list(ids),
        titles=list(ids),
        collaborative=zeros,
        text=zeros,
        popularity=np.zeros(len(ids), dtype=np.float32),
        arrivals=np.empty(0, dtype=np.int64),
    )


SPACE = space_of(a=3, b=5, c=8)


def test_what_cannot_be_ranked_is_named_with_its_reason() -> None:
    numbers, ignored = candidates.given(SPACE, ["c", "zz", "a", "b", "c", "a", "b"], exclude=["b", "yy"])
    assert numbers.tolist() == [8, 3]
    assert ignored == [
        Ignored("zz", "unknown"),
        Ignored("b", "excluded"),
        Ignored("c", "duplicate"),
        Ignored("a", "duplicate"),
        Ignored("b", "excluded"),
    ]


def test_nothing_may_be_left() -> None:
    numbers, ignored = candidates.given(SPACE, ["zz"], exclude=[])
    assert (numbers.tolist(), ignored) == ([], [Ignored("zz", "unknown")])
    assert numbers.dtype == np.int32


def test_numbers_keep_their_order_and_leave_out_strangers() -> None:
    assert candidates.numbers_of(SPACE, ["c", "x", "a", "c"]).tolist() == [8, 3, 8]
    assert candidates.numbers_of(SPACE, ["x"]).dtype == np.int32
