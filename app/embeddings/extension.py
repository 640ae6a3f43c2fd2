"""A space with the changes of the catalogue since its fit, so that a new item ranks by its text at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.items import CatalogueItem
from app.domain.space import Space, make_space
from app.embeddings.fit import SECOND_BITS, standardised
from app.embeddings.folding import guessed
from app.embeddings.text import TextEncoder, text_of


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of the new space: where it comes from (-1: nowhere), and the item when it is new or changed."""

    number: int
    source: int
    item: CatalogueItem | None


def empty_space(version: str = "empty") -> Space:
    """The space before the first fit: no items."""
    nothing = np.zeros((0, 0), dtype=np.float32)
    return make_space(
        version=version,
        as_of=0,
        numbers=np.empty(0, dtype=np.int32),
        item_ids=[],
        titles=[],
        collaborative=nothing,
        text=nothing,
        popularity=np.empty(0, dtype=np.float32),
        arrivals=np.empty(0, dtype=np.int64),
    )


def extend(space: Space, encoder: TextEncoder | None, items: Sequence[CatalogueItem]) -> Space:
    """This space with `items` put in, retitled or deleted; items not mentioned stay. The old one is left as it is.

    A new item gets its text vector and the collaborative one of its text neighbours; a changed title moves the text
    vector only. Without an encoder (before the first fit) vectors are zero. Items that are held already cost nothing.
    """
    plan = _plan(space, items)
    if plan is None:
        return space
    source = np.array([row.source for row in plan], dtype=np.int64)
    changed = [(place, row.item) for place, row in enumerate(plan) if row.item is not None]
    text = _carried(space.text, source)
    if encoder is not None and changed:
        vectors = encoder.encode([text_of(item.item) for _, item in changed])
        text = text if text.shape[1] else np.zeros((len(plan), encoder.dimensions), dtype=np.float32)
        text[[place for place, _ in changed]] = vectors
    arrivals = _moved(space.arrivals, source, len(space))
    counts = np.bincount(arrivals >> SECOND_BITS, minlength=len(plan))
    collaborative = _carried(space.collaborative, source)
    new = np.flatnonzero(source < 0)
    collaborative[new] = guessed(new, collaborative=collaborative, text=text, counts=counts)
    return make_space(
        version=space.version,
        as_of=space.as_of,
        numbers=np.array([row.number for row in plan], dtype=np.int32),
        item_ids=[row.item.item.item_id if row.item else space.item_ids[row.source] for row in plan],
        titles=[row.item.item.title if row.item else space.titles[row.source] for row in plan],
        collaborative=collaborative,
        text=text,
        popularity=standardised(counts),
        arrivals=arrivals,
    )


def _plan(space: Space, items: Sequence[CatalogueItem]) -> list[_Row] | None:
    """The rows of the new space by item number; None when nothing changes."""
    rows = {number: _Row(number, row, None) for row, number in enumerate(space.numbers.tolist())}
    changes = 0
    for item in items:
        held = rows.get(item.number)
        if item.deleted:
            changes += rows.pop(item.number, None) is not None
        elif held is None:
            rows[item.number] = _Row(item.number, -1, item)
            changes += 1
        elif space.titles[held.source] != item.item.title:
            rows[item.number] = _Row(item.number, held.source, item)
            changes += 1
    return [rows[number] for number in sorted(rows)] if changes else None


def _carried(vectors: NDArray[np.float32], source: NDArray[np.int64]) -> NDArray[np.float32]:
    """The vectors of the source rows, zero for rows from nowhere."""
    carried = np.zeros((len(source), vectors.shape[1]), dtype=np.float32)
    carried[source >= 0] = vectors[source[source >= 0]]
    return carried


def _moved(arrivals: NDArray[np.int64], source: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """The arrivals under their new rows; rows keep their order, so the arrivals stay sorted."""
    place = np.full(size, -1, dtype=np.int64)
    place[source[source >= 0]] = np.flatnonzero(source >= 0)
    rows = place[arrivals >> SECOND_BITS]
    second = arrivals & ((1 << SECOND_BITS) - 1)
    moved: NDArray[np.int64] = (rows << SECOND_BITS | second)[rows >= 0]
    return moved
