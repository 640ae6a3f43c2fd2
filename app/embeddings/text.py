"""Vectors of items from their words: TF-IDF of words and word pairs, then a truncated SVD (section 7) [O]."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from app.domain.items import Item
from app.embeddings.decomposition import truncated_svd, unit_rows

DIMENSIONS = 128
RARE = 2  # a term of fewer documents says nothing about likeness
VOCABULARY_LIMIT = 100_000  # terms kept, the most frequent: 51 MB of projection at most
TEXT_LIMIT = 2_000  # characters read of one item
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class TextEncoder:
    """A fitted projection of words, so that items put later get vectors in the same space; V terms, d dimensions.

    terms       term -> its row, 0..V-1
    weights     [V] f32      inverse document frequencies
    projection  [V, d] f32   right singular vectors
    """

    terms: dict[str, int]
    weights: NDArray[np.float32]
    projection: NDArray[np.float32]

    @property
    def dimensions(self) -> int:
        """d, the length of a vector."""
        return int(self.projection.shape[1])

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors [n, d]; zero where no term of a text is known."""
        matrix = _tfidf([_counts(text) for text in texts], self.terms, self.weights)
        return unit_rows(np.asarray(matrix @ self.projection))


def text_of(item: Item) -> str:
    """What the encoder reads of an item: title, brand and categories."""
    return " ".join([item.title, item.brand or "", *item.categories])[:TEXT_LIMIT]


def fit_encoder(texts: Sequence[str]) -> TextEncoder:
    """The encoder of these texts; without any repeated word it has no dimensions and encodes all as nothing."""
    counts = [_counts(text) for text in texts]
    documents = Counter(term for each in counts for term in each)
    frequent = [(term, count) for term, count in documents.items() if count >= RARE]
    frequent.sort(key=lambda pair: (-pair[1], pair[0]))
    kept = frequent[:VOCABULARY_LIMIT]
    terms = {term: row for row, (term, _) in enumerate(kept)}
    found = np.array([count for _, count in kept], dtype=np.float64)
    weights = (np.log((1 + len(texts)) / (1 + found)) + 1).astype(np.float32)
    if not terms:
        return TextEncoder({}, weights, np.zeros((0, 0), dtype=np.float32))
    _, _, right = truncated_svd(_tfidf(counts, terms, weights), DIMENSIONS)
    return TextEncoder(terms, weights, np.ascontiguousarray(right, dtype=np.float32))


def _terms_of(text: str) -> Iterator[str]:
    words = _WORD.findall(unicodedata.normalize("NFKC", text).lower())
    yield from words
    yield from (f"{first} {second}" for first, second in pairwise(words))


def _counts(text: str) -> Counter[str]:
    return Counter(_terms_of(text))


def _tfidf(counts: Sequence[Counter[str]], terms: dict[str, int], weights: NDArray[np.float32]) -> sparse.csr_matrix:
    """[n, V] of unit rows: (1 + log count) times the inverse document frequency."""
    columns, values, ends = [], [], [0]
    for each in counts:
        for term, count in each.items():
            if (column := terms.get(term)) is not None:
                columns.append(column)
                values.append(count)
        ends.append(len(columns))
    places = np.array(columns, dtype=np.int32)
    data = (1 + np.log(np.array(values, dtype=np.float32))) * weights[places]
    owners = np.repeat(np.arange(len(counts)), np.diff(ends))
    lengths = np.sqrt(np.bincount(owners, data**2, len(counts)))
    scaled = (data / lengths[owners]).astype(np.float32)
    return sparse.csr_matrix((scaled, places, np.array(ends)), shape=(len(counts), len(terms)))
