"""Lines drafted by counting, without any language model (formulas: section 7) [O].

own         what this user took, and with a minus what they disliked. Labels are items the user has, so in the
            exact-match ranker these lines speak only where such an item is a candidate again (repeat consumption,
            an avoided item); elsewhere they are the "prefers X" of the text form.
successors  what others took within five steps after the user's items.
neighbours  what the users with the most telling overlap took.

The learning rate eta of a perspective is part of a line's weight: rankers add lines as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.demonstration import LINES_PER_DEMONSTRATION, NO_SAMPLE, make_lines
from app.domain.history import History
from app.domain.items import EventKind
from app.domain.log import InteractionLog
from app.domain.path import Perspective

EVENTS = 20  # newest positive events of the user that are mined
DECAY = 0.85  # what an event counts against the next newer one
STEPS = 5  # how far ahead a successor may be, weighted 1/distance
SHRINKAGE = 5.0  # steps seen of an item before its successors count half
NEIGHBOURS = 100
EVENTS_PER_NEIGHBOUR = 200  # newest
OCCURRENCES = 2_000  # newest events looked at of one item, so that best-sellers do not cost more
ETA = {Perspective.OWN: 0.3, Perspective.SUCCESSORS: 0.5, Perspective.NEIGHBOURS: 3.0}

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class _Query:
    """The user to draft for: distinct items, newest first, with what each counts; `owner` is -1 when not in the log."""

    items: list[int]
    decays: Floats
    owner: int
    held: NDArray[np.int32]  # every item of the history, never a label of others' lines
    now: int


class TemplateDrafter:
    """Drafts from one interaction log; the same log, history and second give the same lines."""

    def __init__(self, log: InteractionLog) -> None:
        self.log = log
        self._mine: dict[Perspective, Callable[[_Query], NDArray[np.void]]] = {
            Perspective.SUCCESSORS: self._successors,
            Perspective.NEIGHBOURS: self._neighbours,
        }

    def draft(self, perspective: Perspective, *, user_id: str, history: History, now: int) -> NDArray[np.void]:
        """Lines of dtype LINE, strongest first, from events up to second `now`; none where there is no evidence."""
        if perspective is Perspective.OWN:
            return _own(history, now)
        wanted = history.wanted(EVENTS)[::-1].tolist()
        items = list(dict.fromkeys(wanted))  # a repeated item counts once, as of its newest event
        decays = DECAY ** np.array([wanted.index(item) for item in items], dtype=np.float64)
        held = np.ascontiguousarray(history.events["item"])
        return self._mine[perspective](_Query(items, decays, self.log.user(user_id), held, now))

    def _successors(self, query: _Query) -> NDArray[np.void]:
        """w(B) = sum_A decay(A) S(A, B)/(S(A, .) + 5), S the sum of 1/distance over five steps ahead."""
        sources, places = self._occurrences(query)
        labels, weights, owners, at = [], [], [], []
        for distance in range(1, STEPS + 1):
            ahead = places + distance
            inside = ahead < len(self.log.items)
            ahead, source, place = ahead[inside], sources[inside], places[inside]
            same = (self.log.owners[ahead] == self.log.owners[place]) & (self.log.times[ahead] <= query.now)
            labels.append(self.log.items[ahead[same]])
            owners.append(source[same])
            at.append(self.log.times[ahead[same]])
            weights.append(np.full(int(same.sum()), 1 / distance))
        steps, source = np.concatenate(weights), np.concatenate(owners)
        totals = np.bincount(source, steps, len(query.items))
        weight = steps * (query.decays / (totals + SHRINKAGE))[source]
        eta = ETA[Perspective.SUCCESSORS]
        return _lines(query, np.concatenate(labels), source, weight, np.concatenate(at), eta=eta)

    def _neighbours(self, query: _Query) -> NDArray[np.void]:
        """w(B) = sum_v r_v [B in v]/(sum r + 1) over 100 users, r_v = sum_A decay(A) idf(A) [A in v]/sqrt(|v| + 3)."""
        sources, places = self._occurrences(query)
        users, column = np.unique(self.log.owners[places], return_inverse=True)
        shared = np.zeros((len(query.items), len(users)))
        shared[sources, column] = 1.0
        events = (self.log.user_start[users + 1] - self.log.user_start[users]).astype(np.float64)
        likeness = shared * (query.decays * self._idf(query.items))[:, None] / np.sqrt(events + 3)
        nearest = np.argsort(-likeness.sum(axis=0), kind="stable")[:NEIGHBOURS]
        likeness = likeness[:, nearest]
        neighbour, place = self._events_of(users[nearest], query.now)
        labels = self.log.items[place]
        # one entry a neighbour and label: having an item twice is having it; the newest is kept
        _, once = np.unique((neighbour * (labels.max(initial=0) + 1) + labels)[::-1], return_index=True)
        once = len(labels) - 1 - once
        neighbour, labels, place = neighbour[once], labels[once], place[once]
        weight = likeness[:, neighbour] / (likeness.sum() + 1)  # [items of the user, entries]
        source, entry = np.nonzero(weight)
        at = self.log.times[place[entry]]
        return _lines(query, labels[entry], source, weight[source, entry], at, eta=ETA[Perspective.NEIGHBOURS])

    def _occurrences(self, query: _Query) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """(index of the query's item, place in the log) of others' newest events with these items, up to now."""
        found = [self.log.occurrences(item, OCCURRENCES) for item in query.items]
        places = np.concatenate([np.empty(0, dtype=np.int32), *found])
        sources = np.repeat(np.arange(len(found)), [len(each) for each in found])
        usable = (self.log.owners[places] != query.owner) & (self.log.times[places] <= query.now)
        return sources[usable], places[usable]

    def _idf(self, items: list[int]) -> Floats:
        """log((1 + users)/(1 + events)) of each item, at least 0."""
        starts = self.log.item_start
        known = len(starts) - 1
        counts = np.array([starts[item + 1] - starts[item] if 0 <= item < known else 0 for item in items])
        return np.maximum(np.log((1 + len(self.log.user_ids)) / (1 + counts)), 0.0)

    def _events_of(self, users: Integers, now: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(index in users, place in the log) of the newest events of these users up to now, oldest first."""
        ends = self.log.user_start[users + 1]
        lengths = np.minimum(ends - self.log.user_start[users], EVENTS_PER_NEIGHBOUR)
        index = np.repeat(np.arange(len(users)), lengths)
        within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        places = (ends - lengths)[index] + within
        past = self.log.times[places] <= now
        return index[past], places[past]


def _lines(
    query: _Query, labels: Integers, sources: Integers, weights: Floats, at: NDArray[np.int64], *, eta: float
) -> NDArray[np.void]:
    """The strongest labels of this evidence: weights added up, the sample that brought most, the newest second."""
    if not len(labels):
        return make_lines([])
    names, column = np.unique(labels, return_inverse=True)
    cells = sources * len(names) + column
    added = np.bincount(cells, weights, len(query.items) * len(names)).reshape(len(query.items), len(names))
    totals = np.where(np.isin(names, query.held), 0.0, added.sum(axis=0))
    best = np.argsort(-totals, kind="stable")[:LINES_PER_DEMONSTRATION]
    best = best[totals[best] > 0]
    newest = np.zeros(len(names), dtype=np.int64)
    np.maximum.at(newest, column, at)
    samples = added[:, best].argmax(axis=0)
    columns = (samples, names[best], eta * totals[best], newest[best])
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return make_lines((query.items[sample], label, weight, second) for sample, label, weight, second in rows)


def _own(history: History, now: int) -> NDArray[np.void]:
    """w(B) = sum of decay over the user's events with B/(sum of decay + 1), dislikes counted negative."""
    codes = history.events["kind"]
    telling = (codes != EventKind.SKIP.code) & (history.events["at"] <= now)
    events = history.events[telling][::-1]
    decays = DECAY ** np.arange(len(events), dtype=np.float64)
    signs = np.where(events["kind"] == EventKind.DISLIKE.code, -1.0, 1.0)
    names, first, column = np.unique(events["item"], return_index=True, return_inverse=True)
    totals = np.bincount(column, signs * decays, len(names)) / (decays.sum() + 1)
    rows = zip(names.tolist(), (ETA[Perspective.OWN] * totals).tolist(), events["at"][first].tolist(), strict=True)
    return make_lines((NO_SAMPLE, label, weight, second) for label, weight, second in rows if weight)
