"""The interaction log in memory, laid out for mining demonstration lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class InteractionLog:
    """Positive interactions twice: by user in time order, and by item in time order. U users, M events, numbers < I.

    user_ids    [U] bytes    ascending, fixed width
    user_start  [U + 1] i64  events of user u stand at user_start[u]:user_start[u + 1]
    items       [M] i32      item number of each event, by user, oldest first
    times       [M] i64      seconds since the epoch, same order
    owners      [M] i32      user of each event, same order
    item_start  [I + 1] i64  occurrences of item number i stand at item_start[i]:item_start[i + 1]
    places      [M] i32      of each occurrence, its index in `items`; oldest first within an item
    """

    user_ids: NDArray[np.bytes_]
    user_start: NDArray[np.int64]
    items: NDArray[np.int32]
    times: NDArray[np.int64]
    owners: NDArray[np.int32]
    item_start: NDArray[np.int64]
    places: NDArray[np.int32]

    def user(self, user_id: str) -> int:
        """The index of this user, -1 when the log does not know them."""
        key = np.bytes_(user_id.encode())
        index = int(np.searchsorted(self.user_ids, key))
        return index if index < len(self.user_ids) and self.user_ids[index] == key else -1

    def occurrences(self, item: int, limit: int) -> NDArray[np.int32]:
        """Places of the newest `limit` events with this item number."""
        if not 0 <= item < len(self.item_start) - 1:
            return np.empty(0, dtype=np.int32)
        start, end = int(self.item_start[item]), int(self.item_start[item + 1])
        return self.places[max(start, end - limit) : end]


def make_log(
    user_ids: list[str], users: NDArray[np.int32], items: NDArray[np.int32], times: NDArray[np.int64]
) -> InteractionLog:
    """A log from events in any order; `users` index `user_ids`, which need not be sorted."""
    names = np.array([name.encode() for name in user_ids], dtype=np.bytes_)
    ascending = np.argsort(names, kind="stable")
    rank = np.empty(len(names), dtype=np.int32)
    rank[ascending] = np.arange(len(names), dtype=np.int32)
    owners = rank[users] if len(users) else np.empty(0, dtype=np.int32)
    by_user = np.lexsort((times, owners))
    owners, items, times = owners[by_user], items[by_user].astype(np.int32), times[by_user]
    by_item = np.lexsort((times, items))
    return InteractionLog(
        user_ids=names[ascending],
        user_start=np.searchsorted(owners, np.arange(len(names) + 1)).astype(np.int64),
        items=items,
        times=times,
        owners=owners,
        item_start=np.searchsorted(items[by_item], np.arange(int(items.max(initial=-1)) + 2)).astype(np.int64),
        places=by_item.astype(np.int32),
    )
