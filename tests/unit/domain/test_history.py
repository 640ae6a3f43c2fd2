"""A user's packed history."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.domain.history import EVENT, HISTORY_LIMIT, History
from app.domain.items import EventKind, Interaction

EVENTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 6), st.integers(0, len(EventKind) - 1)), max_size=40)


def packed(rows: list[tuple[int, int, int]]) -> NDArray[np.void]:
    return np.array(rows, dtype=EVENT)


def rows(history: History) -> list[tuple[int, int, int]]:
    return [tuple(event) for event in history.events.tolist()]


@given(EVENTS, EVENTS)
def test_merging_again_changes_nothing(before: list[tuple[int, int, int]], news: list[tuple[int, int, int]]) -> None:
    once = History.empty().merged(packed(before)).merged(packed(news))
    assert rows(once.merged(packed(news))) == rows(once)
    assert set(rows(once)) == set(before) | set(news)
    assert len(once) == len(set(rows(once)))


@given(EVENTS, EVENTS)
def test_the_order_of_arrival_does_not_matter(a: list[tuple[int, int, int]], b: list[tuple[int, int, int]]) -> None:
    forwards = History.empty().merged(packed(a)).merged(packed(b))
    backwards = History.empty().merged(packed(b)).merged(packed(a))
    assert rows(forwards) == rows(backwards)
    assert np.all(np.diff(forwards.events["at"].astype(np.int64)) >= 0)


def test_the_newest_are_kept() -> None:
    many = packed([(number, number, 0) for number in range(HISTORY_LIMIT + 30)])
    history = History.empty().merged(many[::-1])
    assert history.events["at"].tolist() == list(range(30, HISTORY_LIMIT + 30))


def test_merging_again_changes_nothing_where_the_limit_cuts_through_one_second() -> None:
    many = packed([(number, 7, 0) for number in range(HISTORY_LIMIT + 30)])
    once = History.empty().merged(many)
    assert rows(once.merged(many)) == rows(once)


def test_wanted_are_the_newest_positive_events() -> None:
    kinds = [EventKind.CLICK, EventKind.DISLIKE, EventKind.LIKE, EventKind.SKIP, EventKind.PURCHASE]
    history = History.of(Interaction("u", number, 10 + number, kind) for number, kind in enumerate(kinds))
    assert history.wanted(9).tolist() == [0, 2, 4]
    assert history.wanted(2).tolist() == [2, 4]
    assert history.seen().tolist() == [0, 1, 2, 4]


def test_an_empty_history_wants_and_has_seen_nothing() -> None:
    empty = History.empty()
    assert (len(empty), empty.wanted(5).tolist(), empty.seen().tolist()) == (0, [], [])


@pytest.mark.parametrize("kind", list(EventKind))
def test_every_kind_survives_packing(kind: EventKind) -> None:
    history = History.of([Interaction("u", 3, 5, kind)] * 2)
    assert rows(history) == [(3, 5, kind.code)]
