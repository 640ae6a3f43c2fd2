"""Memories as they are after a year of use: real drafts, edited again and again, every buffer full."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.domain.demonstration import Demonstration
from app.domain.history import EVENT, HISTORY_LIMIT, History
from app.domain.memory import APPLIED_LIMIT, REPLAY_LIMIT, Memory, replay_event
from app.domain.path import ARCHIVE_LIMIT, Archived, Path, Statistics
from app.runtime import Model
from app.serving.rebuild import first_paths

POOL = 400  # users whose drafts the others' are edited from
CANDIDATES = 50
REWRITTEN = 0.2  # of the lines, by one edit
ROUNDS = 30  # effects behind the statistics
AT = 1_700_000_000


@dataclass(frozen=True, slots=True)
class Pool:
    """Users of the data with their first drafts."""

    histories: list[History]
    paths: list[tuple[Path, ...]]
    items: np.ndarray[tuple[int], np.dtype[np.int32]]


def make_pool(model: Model, histories: Sequence[tuple[str, History]], *, now_s: int) -> Pool:
    """The drafts of these users."""
    paths = [first_paths(model, user, history, now_s=now_s) for user, history in histories]
    return Pool([history for _, history in histories], paths, model.space.numbers)


def used_memory(pool: Pool, index: int, *, full_history: bool) -> Memory:
    """A memory with full archives, replay buffer and marks; the same index, the same memory."""
    rng = np.random.default_rng([7, index])
    place = index % len(pool.paths)
    archives = tuple(_lineage(pool, path, rng) for path in pool.paths[place])
    paths = tuple(
        replace(path, demonstration=archive[-1].demonstration, statistics=archive[-1].statistics)
        for path, archive in zip(pool.paths[place], archives, strict=True)
    )
    history = _full(pool, rng) if full_history else pool.histories[place]
    replay = tuple(
        replay_event(int(candidates[0]), AT + event, rng.permutation(candidates).tolist())
        for event in range(REPLAY_LIMIT)
        for candidates in [rng.choice(pool.items, min(CANDIDATES, len(pool.items)), replace=False)]
    )
    applied = tuple(int(each) for each in rng.integers(0, 2**63, APPLIED_LIMIT))
    return Memory(0, history, paths, archives, replay, applied)


def _full(pool: Pool, rng: np.random.Generator) -> History:
    events = np.zeros(HISTORY_LIMIT, dtype=EVENT)
    events["item"] = rng.choice(pool.items, HISTORY_LIMIT)
    events["at"] = AT + np.sort(rng.integers(0, 10_000_000, HISTORY_LIMIT))
    return History(events)


def _lineage(pool: Pool, path: Path, rng: np.random.Generator) -> tuple[Archived, ...]:
    """The path's first draft and its edits, oldest first."""
    shown, archive = path.demonstration, []
    for version in range(1, ARCHIVE_LIMIT + 1):
        archive.append(Archived(shown, _statistics(rng)))
        shown = _edited(pool, shown, version + 1, rng)
    return tuple(archive)


def _edited(pool: Pool, shown: Demonstration, version: int, rng: np.random.Generator) -> Demonstration:
    """The next version: some lines speak of other items with other weights, the rest stay as they are."""
    lines = shown.lines.copy()
    rewritten = rng.random(len(lines)) < REWRITTEN
    lines["label"][rewritten] = rng.choice(pool.items, int(rewritten.sum()))
    lines["weight"][rewritten] *= rng.uniform(0.5, 1.5, int(rewritten.sum())).astype(np.float32)
    lines["born_at"][rewritten] = AT + version * 86_400
    strongest = np.argsort(-np.abs(lines["weight"]), kind="stable")
    return Demonstration(str(uuid.UUID(bytes=rng.bytes(16))), version, lines[strongest])


def _statistics(rng: np.random.Generator) -> Statistics:
    statistics = Statistics()
    for effect, control in rng.random((ROUNDS, 2)).tolist():
        statistics = statistics.updated(effect=effect, gain=effect - control, weight=float(rng.integers(1, 11)))
    return statistics
