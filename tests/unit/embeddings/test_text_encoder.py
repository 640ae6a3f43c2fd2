"""Words to vectors: likeness, unknown words, empty texts."""

from __future__ import annotations

import numpy as np

from app.domain.items import Item
from app.embeddings.text import fit_encoder, text_of

TEXTS = ["Red Dragon Quest", "Red Dragon Saga", "Garden Hose", "Garden Hose long", "", "по-русски", "По-русски"]


def test_like_texts_are_near_and_a_text_is_its_own_nearest() -> None:
    encoder = fit_encoder(TEXTS)
    vectors = encoder.encode(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors[0] @ vectors[1] > 0.9 > 0.1 > vectors[0] @ vectors[2]
    assert np.isclose(vectors[5] @ vectors[6], 1)


def test_new_texts_land_where_the_old_ones_are() -> None:
    encoder = fit_encoder(TEXTS)
    old, new = encoder.encode(["Garden Hose"]), encoder.encode(["GARDEN  hose!"])
    np.testing.assert_array_equal(old, new)


def test_empty_and_unknown_texts_are_zero() -> None:
    assert not fit_encoder(TEXTS).encode(["", "unheard of"]).any()


def test_texts_without_a_repeated_word_give_no_dimensions() -> None:
    for texts in ([], [""], ["one two"]):
        encoder = fit_encoder(texts)
        assert encoder.dimensions == 0
        assert encoder.encode(["one"]).shape == (1, 0)


def test_the_text_of_an_item_is_title_brand_and_categories() -> None:
    item = Item("a", "Title", brand="Brand", categories=("x", "y"), description="left out")
    assert text_of(item).split() == ["Title", "Brand", "x", "y"]
