"""A whole fit of small catalogues, down to nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.items import CatalogueItem, Item
from app.embeddings.fit import Model, fit, standardised


def item(number: int, title: str = "", *, deleted: bool = False) -> CatalogueItem:
    return CatalogueItem(number, Item(f"i{number}", title), deleted)


def fitted(items: list[CatalogueItem], events: list[tuple[int, int, int]]) -> Model:
    users, numbers, times = (np.array(column) for column in zip(*events, strict=True)) if events else np.zeros((3, 0))
    return fit(
        items=items,
        user_ids=[f"u{user}" for user in range(int(users.max(initial=-1)) + 1)],
        users=users.astype(np.int32),
        item_numbers=numbers.astype(np.int32),
        times=times.astype(np.int64),
        version="v",
    )


def test_a_fit_holds_what_it_was_given() -> None:
    items = [item(7, "red fish"), item(2, "red cat"), item(4, "blue fish")]
    model = fitted(items, [(0, 2, 10), (0, 7, 20), (1, 2, 30)])
    space = model.space
    assert space.numbers.tolist() == [2, 4, 7]
    assert list(space.item_ids) == ["i2", "i4", "i7"]
    assert space.as_of == 30
    assert space.popularity.argmax() == 0
    assert space.rows(np.array([7, 2, 3, -1, 99], dtype=np.int32)).tolist() == [2, 0, -1, -1, -1]
    assert space.recent(np.array([0, 1], dtype=np.int32), 31).tolist() == pytest.approx([np.log(3), 0.0])
    assert model.log.user("u1") == 1


@pytest.mark.parametrize(
    ("items", "events"),
    [
        ([], []),
        ([item(0, "only one")], []),
        ([item(0)], [(0, 0, 5)]),
        ([item(3), item(5)], []),
        ([item(1, "a b"), item(2, "a b")], [(0, 1, 1), (0, 2, 2)]),
        ([item(1, deleted=True)], [(0, 1, 1)]),
    ],
)
def test_small_catalogues_fit(items: list[CatalogueItem], events: list[tuple[int, int, int]]) -> None:
    space = fitted(items, events).space
    assert len(space) == sum(not each.deleted for each in items)
    assert np.isfinite(space.collaborative).all()
    assert np.isfinite(space.text).all()
    assert np.isfinite(space.popularity).all()


def test_deleted_and_unknown_items_are_left_out_with_their_events() -> None:
    model = fitted([item(1, "x"), item(2, "y", deleted=True)], [(0, 1, 1), (0, 2, 9), (0, 3, 12)])
    assert model.space.numbers.tolist() == [1]
    assert model.space.as_of == 1
    assert model.log.items.tolist() == [1]


@given(events=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 100)), max_size=25))
def test_the_same_events_in_any_order_give_the_same_space(events: list[tuple[int, int, int]]) -> None:
    events = sorted(set(events), key=lambda event: (event[0], event[2]))
    events = [event for event in events if sum((event[0], event[2]) == (u, t) for u, _, t in events) == 1]
    items = [item(number, "word") for number in range(6)]
    first, second = fitted(items, events).space, fitted(items[::-1], events[::-1]).space
    np.testing.assert_array_equal(first.collaborative, second.collaborative)
    np.testing.assert_array_equal(first.arrivals, second.arrivals)


def test_equal_counts_are_no_popularity() -> None:
    assert standardised(np.array([3, 3])).tolist() == [0, 0]
    assert standardised(np.array([], dtype=np.int64)).tolist() == []
