"""What is remembered of one user: history, paths, archives and the replay buffer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from app.domain.history import History
from app.domain.path import Archived, Path

REPLAY_LIMIT = 10  # events kept with their candidates, to judge drafts on
REPLAY_CANDIDATES = 64  # candidates kept of one event, best first, the true item among them
APPLIED_LIMIT = 64  # outcomes remembered at least as learned from, so that a redelivery is not counted twice


@dataclass(frozen=True, slots=True)
class ReplayEvent:
    """One past choice: which item (number) was taken, out of which candidates (numbers), when (second)."""

    item: int
    at: int
    candidates: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class ServingMemory:
    """The part of a memory that answering a request needs."""

    version: int
    history: History
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Memory:
    """Everything remembered of one user; `version` counts the saves."""

    version: int
    history: History
    paths: tuple[Path, ...]
    archives: tuple[tuple[Archived, ...], ...] = ()
    replay: tuple[ReplayEvent, ...] = ()
    applied: tuple[int, ...] = field(default=())  # 64-bit digests of outcome keys, oldest first

    def has_applied(self, digest: int) -> bool:
        """True when the outcome with this digest has been learned from."""
        return digest in self.applied

    def with_applied(self, digest: int) -> Memory:
        """This memory with one more outcome marked as learned from."""
        return replace(self, applied=(*self.applied, digest))

    def settled(self, turn: int) -> Memory:
        """This memory with the marks that a redelivery can ask for: those of a whole turn of this many outcomes."""
        return replace(self, applied=self.applied[-max(APPLIED_LIMIT, turn) :])

    def with_replay(self, event: ReplayEvent) -> Memory:
        """This memory with one more event in the replay buffer."""
        return replace(self, replay=(*self.replay, event)[-REPLAY_LIMIT:])


def replay_event(item: int, at: int, candidates: Sequence[int]) -> ReplayEvent:
    """A replay event with at most REPLAY_CANDIDATES candidates, the true item always among them."""
    kept = list(candidates[:REPLAY_CANDIDATES])
    if item not in kept and kept:
        kept[-1] = item
    return ReplayEvent(item, at, np.array(kept, dtype=np.int32))
