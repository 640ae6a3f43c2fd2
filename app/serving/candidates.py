"""Which items are ranked: the caller's, or the catalogue's, less what was seen or excluded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from app.domain.demonstration import Demonstration
from app.domain.space import Space
from app.runtime import Model
from app.serving.answer import Ignored

RETRIEVED = 300  # [O] candidates of the exact ranker when the caller gives none


def numbers_of(space: Space, item_ids: Iterable[str]) -> NDArray[np.int32]:
    """Item numbers of the ids that the catalogue knows, in their order."""
    rows = [space.row_of_id[item_id] for item_id in item_ids if item_id in space.row_of_id]
    return space.numbers[rows] if rows else np.empty(0, dtype=np.int32)


def given(space: Space, item_ids: Sequence[str], *, exclude: Sequence[str]) -> tuple[NDArray[np.int32], list[Ignored]]:
    """The caller's candidates that can be ranked, and those that can't, each with its reason."""
    known = space.row_of_id
    rows = [known.get(item_id, -1) for item_id in item_ids]
    if not exclude and -1 not in rows and len(set(rows)) == len(rows):
        return space.numbers[rows], []
    excluded, taken, kept, ignored = set(exclude), set[int](), [], []
    for item_id, row in zip(item_ids, rows, strict=True):
        if row < 0:
            ignored.append(Ignored(item_id, "unknown"))
        elif item_id in excluded:
            ignored.append(Ignored(item_id, "excluded"))
        elif row in taken:
            ignored.append(Ignored(item_id, "duplicate"))
        else:
            taken.add(row)
            kept.append(row)
    return space.numbers[np.array(kept, dtype=np.intp)], ignored


def retrieved(
    model: Model,
    *,
    history: NDArray[np.int32],
    leave_out: NDArray[np.int32],
    demonstration: Demonstration | None,
    limit: int,
) -> NDArray[np.int32]:
    """Candidates from the whole catalogue: likely ones first, never one of `leave_out`."""
    return model.retrieve(
        model.space, history, exclude=leave_out, demonstration=demonstration, limit=max(RETRIEVED, 3 * limit)
    )
