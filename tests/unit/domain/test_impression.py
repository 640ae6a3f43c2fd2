"""Impression ids and the identity of feedback."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.impression import Feedback, Impression, new_impression_id, served_at_of
from app.domain.items import EventKind


@given(st.integers(0, 2**48 - 1))
def test_an_id_tells_its_millisecond(now_ms: int) -> None:
    made = new_impression_id(now_ms)
    parsed = uuid.UUID(made)
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert str(parsed) == made
    assert served_at_of(made) == now_ms


def test_ids_of_one_millisecond_differ() -> None:
    assert len({new_impression_id(1_700_000_000_000) for _ in range(1000)}) == 1000


def test_ids_ascend_with_time() -> None:
    ids = [new_impression_id(now_ms) for now_ms in (1, 2, 1_700_000_000_000, 1_700_000_000_001)]
    assert ids == sorted(ids)


@pytest.mark.parametrize("text", ["", "x", str(uuid.UUID(int=0)), str(uuid.uuid4()), "019717f4-2c8e-7d3a-9f5e"])
def test_other_texts_are_no_impression_ids(text: str) -> None:
    with pytest.raises(ValueError):
        served_at_of(text)


def test_an_impression_knows_when_it_was_served() -> None:
    served = Impression(new_impression_id(123_456), "u", (), 0, (), "dual", "v")
    assert served.served_at_ms == 123_456


def test_feedback_is_the_same_where_impression_item_and_event_are() -> None:
    first = Feedback("i", "u", "a", 1, EventKind.CLICK, 10, 11, event_id="one")
    again = Feedback("i", "u", "a", -1, EventKind.CLICK, 20, 21, position=4, event_id="two")
    assert first.key == again.key
    assert first.key != Feedback("i", "u", "a", 1, EventKind.LIKE, 10, 11).key
