"""The last events of each user: what `lrgd ingest --hold-out` leaves out, and `lrgd replay --last` asks for."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence

from app.evaluation.source import Row

Latest = Mapping[str, Sequence[Row]]  # by user, oldest first


def latest_events(rows: Iterable[Row], count: int) -> Latest:
    """Up to `count` of the newest events of each user; the oldest is never among them, so everybody keeps one.

    The order is that of time, within a second that of the rows. Equal rows are one event, as for the service, which
    stands where the last of them does. No more than `count` + 1 rows of a user are held at a time.
    """
    newest: dict[str, list[Row]] = {}
    for row in rows:
        held = newest.setdefault(row.user_id, [])
        if len(held) > count and row.at < held[0].at:
            continue
        if row in held:
            held.remove(row)
        insort(held, row, key=lambda each: each.at)
        if len(held) > count + 1:
            del held[0]
    return {user: held[1:] for user, held in newest.items()}
