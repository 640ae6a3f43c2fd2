"""Drafted lines against the formulas, written out slowly."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.demonstration import LINES_PER_DEMONSTRATION, NO_SAMPLE
from app.domain.history import History
from app.domain.items import EventKind, Interaction
from app.domain.log import make_log
from app.domain.path import Perspective
from app.drafting.template import ETA, TemplateDrafter

Event = tuple[int, int, int]  # user, item, second
LOG: list[Event] = [
    (0, 1, 10), (0, 2, 20), (0, 3, 30), (1, 1, 15), (1, 4, 25), (1, 2, 35),
    (2, 5, 5), (2, 6, 6), (3, 2, 50), (3, 3, 60), (3, 1, 70), (3, 7, 80),
]  # fmt: skip
NOW = 1_000


def drafter_of(log: list[Event], users: int = 8) -> TemplateDrafter:
    owners, items, times = (np.array(column) for column in zip(*log, strict=True)) if log else np.zeros((3, 0))
    names = [f"u{user}" for user in range(users)]
    return TemplateDrafter(make_log(names, owners.astype(np.int32), items.astype(np.int32), times.astype(np.int64)))


def history_of(*items: int, kind: EventKind = EventKind.PURCHASE) -> History:
    return History.of(Interaction("u0", item, second, kind) for second, item in enumerate(items))


def sequences(log: list[Event], user: int, now: int) -> dict[int, list[tuple[int, int]]]:
    others: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for owner, item, second in sorted(log, key=lambda event: (event[0], event[2])):
        if owner != user and second <= now:
            others[owner].append((item, second))
    return others


def slow_successors(log: list[Event], user: int, items: list[int], now: int = NOW) -> dict[int, float]:
    weights: dict[int, float] = defaultdict(float)
    for age, item in enumerate(items[::-1]):
        after: dict[int, float] = defaultdict(float)
        for events in sequences(log, user, now).values():
            for place, (found, _) in enumerate(events):
                for distance in range(1, 6):
                    if found == item and place + distance < len(events):
                        after[events[place + distance][0]] += 1 / distance
        for label, steps in after.items():
            weights[label] += 0.85**age * steps / (sum(after.values()) + 5)
    return {label: 0.5 * weight for label, weight in weights.items() if label not in items}


def slow_neighbours(log: list[Event], user: int, items: list[int], users: int, now: int = NOW) -> dict[int, float]:
    likeness: dict[int, float] = {}
    others = sequences(log, user, now)
    for owner, events in others.items():
        size = sum(event[0] == owner for event in log)
        for age, item in enumerate(items[::-1]):
            if item in {found for found, _ in events}:
                idf = max(math.log((1 + users) / (1 + sum(event[1] == item for event in log))), 0.0)
                likeness[owner] = likeness.get(owner, 0.0) + 0.85**age * idf / math.sqrt(size + 3)
    weights: dict[int, float] = defaultdict(float)
    for owner, value in likeness.items():
        for label in {found for found, _ in others[owner]}:
            weights[label] += value / (sum(likeness.values()) + 1)
    return {label: 3.0 * weight for label, weight in weights.items() if label not in items and weight > 0}


def drafted(drafter: TemplateDrafter, perspective: Perspective, items: list[int], now: int = NOW) -> dict[int, float]:
    lines = drafter.draft(perspective, user_id="u0", history=history_of(*items), now=now)
    assert len(lines) <= LINES_PER_DEMONSTRATION
    assert np.all(np.diff(np.abs(lines["weight"])) <= 0)
    return dict(zip(lines["label"].tolist(), lines["weight"].tolist(), strict=True))


EVENT = st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(0, 40))
EVENTS = st.lists(EVENT, max_size=40, unique_by=lambda event: (event[0], event[2]))


@settings(max_examples=60)
@given(log=EVENTS, items=st.lists(st.integers(0, 11), max_size=6, unique=True), now=st.integers(0, 40))
def test_lines_are_the_formulas(log: list[Event], items: list[int], now: int) -> None:
    drafter = drafter_of(log)
    successors = drafted(drafter, Perspective.SUCCESSORS, items, now)
    assert successors == pytest.approx(slow_successors(log, 0, items, now), rel=1e-5)
    neighbours = drafted(drafter, Perspective.NEIGHBOURS, items, now)
    assert neighbours == pytest.approx(slow_neighbours(log, 0, items, 8, now), rel=1e-5)


def test_lines_of_a_known_log() -> None:
    drafter, items = drafter_of(LOG), [2, 1]
    successors = drafted(drafter, Perspective.SUCCESSORS, items)
    neighbours = drafted(drafter, Perspective.NEIGHBOURS, items)
    assert successors == pytest.approx(slow_successors(LOG, 0, items), rel=1e-5)
    assert neighbours == pytest.approx(slow_neighbours(LOG, 0, items, 8), rel=1e-5)


def test_a_line_names_what_brought_it_and_when() -> None:
    lines = drafter_of(LOG).draft(Perspective.SUCCESSORS, user_id="u0", history=history_of(5, 1), now=NOW)
    by_label = {int(line["label"]): line for line in lines}
    assert int(by_label[6]["sample"]) == 5
    assert int(by_label[7]["sample"]) == 1
    assert int(by_label[7]["born_at"]) == 80


@pytest.mark.parametrize("perspective", [Perspective.SUCCESSORS, Perspective.NEIGHBOURS])
def test_labels_are_never_items_the_user_has_nor_from_their_own_events(perspective: Perspective) -> None:
    drafter = drafter_of([(0, 1, 10), (0, 9, 20)])
    assert len(drafter.draft(perspective, user_id="u0", history=history_of(1), now=NOW)) == 0
    assert len(drafter.draft(perspective, user_id="u1", history=history_of(1), now=NOW)) == 1
    held = history_of(1).merged(history_of(9, kind=EventKind.DISLIKE).events)
    assert len(drafter.draft(perspective, user_id="u1", history=held, now=NOW)) == 0


@pytest.mark.parametrize("perspective", list(Perspective))
def test_without_evidence_there_are_no_lines(perspective: Perspective) -> None:
    assert len(drafter_of([]).draft(perspective, user_id="u0", history=History.empty(), now=NOW)) == 0
    assert len(drafter_of(LOG).draft(perspective, user_id="nobody", history=History.empty(), now=NOW)) == 0


@pytest.mark.parametrize("perspective", [Perspective.SUCCESSORS, Perspective.NEIGHBOURS])
def test_items_outside_the_log_bring_nothing(perspective: Perspective) -> None:
    assert len(drafter_of([]).draft(perspective, user_id="u0", history=history_of(1, 99), now=NOW)) == 0
    assert len(drafter_of(LOG).draft(perspective, user_id="u0", history=history_of(99), now=NOW)) == 0


def test_own_lines_are_tastes_and_aversions() -> None:
    history = history_of(4, 4, 6).merged(
        History.of([Interaction("u0", 8, 50, EventKind.DISLIKE), Interaction("u0", 9, 60, EventKind.SKIP)]).events
    )
    lines = drafter_of(LOG).draft(Perspective.OWN, user_id="u0", history=history, now=NOW)
    weights = dict(zip(lines["label"].tolist(), lines["weight"].tolist(), strict=True))
    total = sum(0.85**age for age in range(4)) + 1
    eta = ETA[Perspective.OWN]
    expected = {8: -eta / total, 6: eta * 0.85 / total, 4: eta * (0.85**2 + 0.85**3) / total}
    assert weights == pytest.approx(expected, rel=1e-5)
    assert set(lines["sample"].tolist()) == {NO_SAMPLE}
    assert int(lines[lines["label"] == 4]["born_at"][0]) == 1


def test_the_same_question_gets_the_same_lines() -> None:
    first, second = (
        drafter_of(LOG).draft(Perspective.NEIGHBOURS, user_id="u0", history=history_of(1, 2), now=NOW) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
