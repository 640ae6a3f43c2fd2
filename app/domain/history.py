"""A user's history: packed events, oldest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.items import POSITIVE_KINDS, EventKind, Interaction

EVENT = np.dtype([("item", "<i4"), ("at", "<u4"), ("kind", "u1")])  # 9 bytes an event
HISTORY_LIMIT = 200  # events kept per user [O]; the ranker looks at the newest 20
_POSITIVE = np.array([kind in POSITIVE_KINDS for kind in EventKind])  # by kind code: a look-up beats np.isin tenfold
_SEEN = np.array([kind is not EventKind.SKIP for kind in EventKind])


@dataclass(frozen=True, slots=True)
class History:
    """Up to HISTORY_LIMIT events, oldest first; `events` is a structured array of dtype EVENT."""

    events: NDArray[np.void]

    @classmethod
    def empty(cls) -> History:
        """A history without events."""
        return cls(np.empty(0, dtype=EVENT))

    @classmethod
    def of(cls, interactions: Iterable[Interaction]) -> History:
        """The history made of these interactions, repeats dropped."""
        rows = [(each.item, each.at, each.kind.code) for each in interactions]
        return cls.empty().merged(np.array(rows, dtype=EVENT))

    def __len__(self) -> int:
        return len(self.events)

    def merged(self, events: NDArray[np.void]) -> History:
        """This history with more events: ordered by time, repeats dropped, the newest kept.

        Within a second the order is that of the items, so that it does not depend on what arrived first.
        """
        distinct = np.unique(np.concatenate([self.events, events]))  # ordered by item, second, kind
        return History(distinct[np.argsort(distinct["at"], kind="stable")][-HISTORY_LIMIT:])

    def wanted(self, limit: int) -> NDArray[np.int32]:
        """Item numbers of the newest `limit` positive events, oldest first."""
        positive = self.events["item"][_POSITIVE[self.events["kind"]]]
        return np.ascontiguousarray(positive[-limit:])

    def seen(self) -> NDArray[np.int32]:
        """Item numbers that retrieval leaves out: everything but skips."""
        return np.ascontiguousarray(self.events["item"][_SEEN[self.events["kind"]]])
