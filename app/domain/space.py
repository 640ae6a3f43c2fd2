"""The fitted catalogue: one row an item, with the vectors and counts that the dual model reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

TREND_SECONDS = 90 * 86_400  # the window of recent counts, lrgd.md section 7


@dataclass(frozen=True, slots=True)
class Space:
    """Rows are ordered by item number; arrays may be read-only memory maps.

    numbers        [N] int32     item number of each row, ascending
    item_ids       N strings     the caller's ids
    titles         N strings
    collaborative  [N, dc] f32   unit rows, shorter where guessed from text alone, zero where nothing is known
    text           [N, dt] f32   unit rows; zero where nothing of the title is known
    popularity     [N] f32       z-score of log(1 + count)
    arrivals       [M] int64     sorted `row << 32 | second` of every interaction, for counts in a window
    """

    version: str
    as_of: int  # seconds since the epoch: the newest interaction the fit has seen, 0 without any
    numbers: NDArray[np.int32]
    item_ids: Sequence[str]
    titles: Sequence[str]
    collaborative: NDArray[np.float32]
    text: NDArray[np.float32]
    popularity: NDArray[np.float32]
    arrivals: NDArray[np.int64]
    row_of_id: dict[str, int] = field(repr=False)
    row_of_number: NDArray[np.int32] = field(repr=False)  # [max number + 1], -1 where there is no item
    row_list: list[int] = field(repr=False)  # the same as a list: ten times faster to ask for one row
    trend: NDArray[np.float32] = field(repr=False)  # [N] log1p of the count in the window before `as_of`

    def __len__(self) -> int:
        return len(self.numbers)

    def rows(self, numbers: NDArray[np.int32]) -> NDArray[np.int32]:
        """The row of each item number, -1 for numbers that this space does not hold."""
        # as unsigned, negative numbers lie beyond the table too; what lies beyond clips to its end, which is a -1
        found: NDArray[np.int32] = self.row_of_number.take(numbers.astype(np.uint32), mode="clip")
        return found

    def recent(self, rows: NDArray[np.int32], at: int) -> NDArray[np.float32]:
        """log(1 + interactions in the 90 days before second `at`) of each row, [n] float32."""
        if at == self.as_of:
            return self.trend[rows]
        base = rows.astype(np.int64) << 32
        until = np.searchsorted(self.arrivals, base + at)
        since = np.searchsorted(self.arrivals, base + max(at - TREND_SECONDS, 0))
        counts: NDArray[np.float32] = np.log1p(until - since).astype(np.float32)
        return counts


def make_space(
    *,
    version: str,
    as_of: int,
    numbers: NDArray[np.int32],
    item_ids: Sequence[str],
    titles: Sequence[str],
    collaborative: NDArray[np.float32],
    text: NDArray[np.float32],
    popularity: NDArray[np.float32],
    arrivals: NDArray[np.int64],
) -> Space:
    """A space with its look-up tables; raises ValueError where the parts do not have the same length."""
    lengths = {len(part) for part in (numbers, item_ids, titles, collaborative, text, popularity)}
    if len(lengths) != 1:
        raise ValueError(f"the parts of a space differ in length: {sorted(lengths)}")
    row_of_number = np.full(int(numbers.max(initial=-1)) + 2, -1, dtype=np.int32)
    row_of_number[numbers] = np.arange(len(numbers), dtype=np.int32)
    base = np.arange(len(numbers), dtype=np.int64) << 32
    counts = np.searchsorted(arrivals, base + as_of) - np.searchsorted(arrivals, base + max(as_of - TREND_SECONDS, 0))
    return Space(
        version=version,
        as_of=as_of,
        numbers=numbers,
        item_ids=item_ids,
        titles=titles,
        collaborative=collaborative,
        text=text,
        popularity=popularity,
        arrivals=arrivals,
        row_of_id={item_id: row for row, item_id in enumerate(item_ids)},
        row_of_number=row_of_number,
        row_list=row_of_number.tolist(),
        trend=np.log1p(counts).astype(np.float32),
    )
