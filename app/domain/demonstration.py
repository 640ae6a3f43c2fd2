"""Demonstrations: short lists of lines that stand for one user, as labels the dual model can match."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LINE = np.dtype([("sample", "<i4"), ("label", "<i4"), ("weight", "<f4"), ("born_at", "<u4")])  # 16 bytes a line
LINES_PER_DEMONSTRATION = 32  # [O] what the embedded ranker reads of one path
LINES_IN_WORDS = 8  # [O] the cap of the text form
NO_SAMPLE = -1


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One version of a path's demonstration.

    `lines` is a structured array of dtype LINE, strongest first: item number of the sample (NO_SAMPLE for a plain
    preference), item number of the label, signed weight, and the second the evidence is from.
    """

    demonstration_id: str
    version: int
    lines: NDArray[np.void]

    def __len__(self) -> int:
        return len(self.lines)

    def in_words(self, title: Callable[[int], str | None]) -> list[str]:
        """The strongest lines as text; lines whose items are gone from the catalogue are left out."""
        words = (_in_words(line, title) for line in self.lines[:LINES_IN_WORDS].tolist())
        return [line for line in words if line is not None]


def make_lines(rows: Iterable[tuple[int, int, float, int]]) -> NDArray[np.void]:
    """(sample, label, weight, born_at) rows as an array of lines, strongest first, cut at the cap."""
    lines = np.array(list(rows), dtype=LINE)
    strongest = np.argsort(-np.abs(lines["weight"]), kind="stable")
    return lines[strongest][:LINES_PER_DEMONSTRATION]


def _in_words(line: tuple[int, int, float, int], title: Callable[[int], str | None]) -> str | None:
    sample, label, weight, _ = line
    chosen = title(label)
    if chosen is None:
        return None
    verb = "chose" if weight >= 0 else "avoided"
    if sample == NO_SAMPLE:
        return f"{verb} {chosen}"
    before = title(sample)
    return None if before is None else f"after {before} {verb} {chosen}"
