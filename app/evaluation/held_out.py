"""Which events of a data set are replayed: those held out of the service, each among candidates it hides in."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from app.errors import DatasetError
from app.evaluation.datasets import EvalUser, Row, has_splits, read_eval_users, read_interactions, read_items
from app.evaluation.latest import latest_events

CANDIDATES = 50
FEWEST_EVENTS = 5  # of a user that is drawn; users that the data set names are taken as they are
_EVAL_FILES = ("eval_users.jsonl", "eval_users.jsonl.gz")
_HELD_OUT = ("valid", "test")  # in the order in which they happened


@dataclass(frozen=True, slots=True)
class Event:
    """One true choice, hidden among `candidates` (item ids, the true one with them)."""

    item_id: str
    at: int  # seconds since the epoch
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """One user: what the service should have stored, oldest first, and the events to ask for, in order."""

    user_id: str
    history: tuple[str, ...]  # item ids
    stored: int  # distinct events among them, as the service counts
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class _Log:
    """The rows of the chosen users: those that the service should have stored, and those held out, oldest first."""

    past: Mapping[str, Sequence[Row]]
    future: Mapping[str, Sequence[Row]]


def held_out(folder: Path, *, users: int, last: int, seed: int) -> list[HeldOut]:
    """Up to `users` users with `last` events each: those the data set names first, then others drawn by seed.

    With a split column the events are the valid and the test row, oldest first; without one, the last ones, which
    `lrgd ingest` leaves out when its --hold-out is `last`.
    """
    items = [item.item_id for item in read_items(folder)]
    named = {user.user_id: user for user in _eval_users(folder)}
    chosen = _chosen(folder, list(named), users=users, seed=seed)
    log = _read(folder, set(chosen), known=set(items), last=last)
    found = [_held_out(user, log, named.get(user), items, last=last, seed=seed) for user in chosen]
    kept = [user for user in found if user.events]
    if not kept:
        raise DatasetError(f"{folder} has no user with an event to replay")
    return kept


def _eval_users(folder: Path) -> list[EvalUser]:
    """The users that the data set names, in its order; none where it names none."""
    return list(read_eval_users(folder)) if any((folder / name).is_file() for name in _EVAL_FILES) else []


def _chosen(folder: Path, named: Sequence[str], *, users: int, seed: int) -> list[str]:
    if len(named) >= users:
        return list(named[:users])
    counts = Counter(row.user_id for row in read_interactions(folder))
    others = sorted(user for user, count in counts.items() if count >= FEWEST_EVENTS and user not in set(named))
    drawn = np.random.default_rng(seed).permutation(len(others))[: users - len(named)]
    return [*named, *(others[index] for index in drawn)]


def _read(folder: Path, users: Collection[str], *, known: Collection[str], last: int) -> _Log:
    """Rows of unknown items are left out, as `lrgd ingest` leaves them out."""
    if has_splits(folder):
        train, valid, test = (_rows(folder, users, known, split) for split in ("train", *_HELD_OUT))
        return _Log(train, {user: [*valid.get(user, ()), *test.get(user, ())] for user in users})
    every = _rows(folder, users, known, "train")  # without a split column every row is in every split
    latest = latest_events(chain.from_iterable(every.values()), last)
    return _Log({user: [row for row in rows if row not in latest[user]] for user, rows in every.items()}, latest)


def _rows(folder: Path, users: Collection[str], known: Collection[str], split: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in read_interactions(folder, splits={split}):
        if row.user_id in users and row.item_id in known:
            found.setdefault(row.user_id, []).append(row)
    return {user: sorted(rows, key=lambda row: row.at) for user, rows in found.items()}


def _held_out(
    user_id: str, log: _Log, named: EvalUser | None, items: Sequence[str], *, last: int, seed: int
) -> HeldOut:
    past, future = log.past.get(user_id, ()), log.future.get(user_id, ())
    touched = {row.item_id for row in (*past, *future)}
    given = _given(named)
    rng = np.random.default_rng([seed, zlib.crc32(user_id.encode())])
    return HeldOut(
        user_id,
        tuple(row.item_id for row in past),
        len({(row.item_id, row.at) for row in past}),
        tuple(
            Event(row.item_id, row.at, given.get(row.item_id) or _drawn(row.item_id, touched, items, rng))
            for row in future[:last]
        ),
    )


def _given(named: EvalUser | None) -> dict[str, tuple[str, ...]]:
    """The candidates that the data set gives for a true item."""
    if named is None:
        return {}
    return {named.validation_item: named.validation_candidates, named.test_item: named.test_candidates}


def _drawn(truth: str, touched: Collection[str], items: Sequence[str], rng: np.random.Generator) -> tuple[str, ...]:
    """The truth among items that the user never touched, shuffled."""
    size = min(CANDIDATES - 1 + len(touched), len(items))
    others = [items[index] for index in rng.choice(len(items), size, replace=False) if items[index] not in touched]
    candidates = [truth, *others[: CANDIDATES - 1]]
    return tuple(candidates[index] for index in rng.permutation(len(candidates)))
