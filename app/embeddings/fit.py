"""A model from the catalogue and the interaction log: everything that rankers and drafters read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.items import CatalogueItem
from app.domain.log import InteractionLog, make_log
from app.domain.space import Space, make_space
from app.embeddings.collaborative import collaborative_vectors
from app.embeddings.folding import folded
from app.embeddings.text import TextEncoder, fit_encoder, text_of

SECOND_BITS = 32  # an arrival is `row << 32 | second`


@dataclass(frozen=True, slots=True)
class Model:
    """One fit: what ranking reads (`space`), what encodes new items (`encoder`), what drafting mines (`log`)."""

    space: Space
    encoder: TextEncoder
    log: InteractionLog


def fit(
    *,
    items: Sequence[CatalogueItem],
    user_ids: list[str],
    users: NDArray[np.int32],
    item_numbers: NDArray[np.int32],
    times: NDArray[np.int64],
    version: str,
) -> Model:
    """The model of these items and events (in any order); deleted and unknown items are left out, with their events.

    The same input gives the same vectors. `as_of` is the newest event of a kept item, 0 without any.
    """
    alive = sorted((item for item in items if not item.deleted), key=lambda item: item.number)
    numbers = np.array([item.number for item in alive], dtype=np.int32)
    kept = np.isin(item_numbers, numbers)
    users, item_numbers, times = users[kept], item_numbers[kept], times[kept]
    rows = np.searchsorted(numbers, item_numbers).astype(np.int32)
    texts = [text_of(item.item) for item in alive]
    encoder = fit_encoder(texts)
    text = encoder.encode(texts)
    counts = np.bincount(rows, minlength=len(alive))
    collaborative = collaborative_vectors(users, rows, times, size=len(alive))
    space = make_space(
        version=version,
        as_of=int(times.max(initial=0)),
        numbers=numbers,
        item_ids=[item.item.item_id for item in alive],
        titles=[item.item.title for item in alive],
        collaborative=folded(collaborative, text, counts),
        text=text,
        popularity=standardised(counts),
        arrivals=np.sort(rows.astype(np.int64) << SECOND_BITS | times),
    )
    return Model(space, encoder, make_log(user_ids, users, item_numbers, times))


def standardised(counts: NDArray[np.integer]) -> NDArray[np.float32]:
    """The z-scores of log(1 + count), float32; zeros where all counts are equal."""
    logs = np.log1p(counts)
    spread = float(logs.std()) if len(logs) else 0.0
    scores: NDArray[np.float32] = (logs - logs.mean() if spread > 0 else np.zeros_like(logs)).astype(np.float32)
    return scores / np.float32(spread or 1)
