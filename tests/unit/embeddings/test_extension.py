"""Spaces that follow the catalogue between two fits."""

from __future__ import annotations

import numpy as np

from app.domain.items import CatalogueItem, Item
from app.embeddings.extension import empty_space, extend
from app.embeddings.fit import Model, fit


def item(number: int, title: str, *, deleted: bool = False) -> CatalogueItem:
    return CatalogueItem(number, Item(f"i{number}", title), deleted)


ITEMS = [item(1, "red dragon quest"), item(3, "red dragon saga"), item(5, "garden hose"), item(7, "garden hose long")]


def fitted() -> Model:
    return fit(
        items=ITEMS,
        user_ids=["u", "v"],
        users=np.array([0, 0, 1, 1], dtype=np.int32),
        item_numbers=np.array([1, 3, 5, 7], dtype=np.int32),
        times=np.array([10, 20, 30, 40]),
        version="v",
    )


def test_the_same_catalogue_is_the_same_space() -> None:
    model = fitted()
    assert extend(model.space, model.encoder, ITEMS) is model.space
    assert extend(model.space, model.encoder, []) is model.space
    assert extend(model.space, model.encoder, [item(9, "never there", deleted=True)]) is model.space


def test_a_new_item_ranks_by_its_text() -> None:
    model = fitted()
    space = extend(model.space, model.encoder, [item(4, "dragon quest red")])
    assert space.numbers.tolist() == [1, 3, 4, 5, 7]
    assert space.row_of_id["i4"] == 2
    likeness = space.text @ space.text[2]
    assert likeness[:2].min() > 0.5 > likeness[3:].max()
    company = space.collaborative @ space.collaborative[2]
    assert company[:2].min() > 0.5 > company[3:].max()
    np.testing.assert_allclose(space.recent(np.arange(5, dtype=np.int32), 50), np.log([2, 2, 1, 2, 2]), rtol=1e-6)
    assert len(model.space) == 4


def test_a_changed_title_moves_the_text_and_keeps_the_rest() -> None:
    model = fitted()
    before = model.space.text.copy()
    space = extend(model.space, model.encoder, [item(5, "red dragon")])
    assert space.titles[2] == "red dragon"
    assert space.text[2] @ space.text[0] > 0.5 > model.space.text[2] @ model.space.text[0]
    np.testing.assert_array_equal(space.collaborative, model.space.collaborative)
    np.testing.assert_array_equal(space.arrivals, model.space.arrivals)
    np.testing.assert_array_equal(model.space.text, before)


def test_a_deleted_item_goes_with_its_arrivals() -> None:
    model = fitted()
    space = extend(model.space, model.encoder, [item(3, "red dragon saga", deleted=True)])
    assert space.numbers.tolist() == [1, 5, 7]
    assert (space.arrivals >> 32).tolist() == [0, 1, 2]
    assert (space.arrivals & 0xFFFFFFFF).tolist() == [10, 30, 40]
    np.testing.assert_array_equal(space.collaborative, model.space.collaborative[[0, 2, 3]])


def test_before_the_first_fit_items_are_known_by_name_only() -> None:
    space = extend(empty_space(), None, ITEMS)
    assert len(space) == 4
    assert space.text.shape == (4, 0)
    assert not space.popularity.any()


def test_an_encoder_without_a_fitted_space_is_enough_for_text() -> None:
    space = extend(empty_space(), fitted().encoder, ITEMS)
    assert space.text[0] @ space.text[1] > 0.5
