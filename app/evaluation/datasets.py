"""Data sets on disk, whichever of the three formats they are in."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from enum import StrEnum
from pathlib import Path

from app.domain.items import Item
from app.errors import DatasetError
from app.evaluation import amazon, lrgd, movielens
from app.evaluation.lrgd import SPLITS, EvalUser
from app.evaluation.source import Row, latest_allowed

__all__ = [
    "SPLITS",
    "EvalUser",
    "Format",
    "Row",
    "detect",
    "has_splits",
    "read_eval_users",
    "read_interactions",
    "read_items",
]


class Format(StrEnum):
    """How a data set is laid out."""

    LRGD = "lrgd"
    AMAZON = "amazon"
    MOVIELENS = "movielens"


def detect(folder: Path) -> Format:
    """The format of a folder; raises DatasetError when it holds none that we know."""
    if _find(folder, "items.jsonl") and _find(folder, "interactions.csv"):
        return Format.LRGD
    if amazon.meta_files(folder) and amazon.review_files(folder):
        return Format.AMAZON
    if movielens.find(folder, "movies") and movielens.find(folder, "ratings"):
        return Format.MOVIELENS
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder")
    raise DatasetError(
        f"{folder} holds no data set: items.jsonl and interactions.csv, meta_*.json and *_5.json (Amazon 2018),"
        " or movies and ratings as .dat or .csv (MovieLens); the first two also as .gz"
    )


def read_items(folder: Path) -> Iterator[Item]:
    """The items of a data set; raises DatasetError naming file and line."""
    match detect(folder):
        case Format.LRGD:
            return lrgd.read_items(_needed(folder, "items.jsonl"))
        case Format.AMAZON:
            return amazon.read_items(folder)
        case Format.MOVIELENS:
            return movielens.read_items(folder)


def read_interactions(folder: Path, *, splits: Collection[str] | None = None, now: int | None = None) -> Iterator[Row]:
    """The interactions of a data set; raises DatasetError naming file and line.

    `splits` keeps the rows of these splits only (None: all), where the data set says which split a row is in. No event
    may be later than a day from `now` (seconds since the epoch; None: the clock's).
    """
    wanted = None if splits is None else frozenset(splits)
    if wanted is not None and not wanted <= SPLITS:
        raise DatasetError(f"there is no split {', '.join(sorted(wanted - SPLITS))}: they are train, valid and test")
    latest = latest_allowed(now)
    match detect(folder):
        case Format.LRGD:
            return lrgd.read_interactions(_needed(folder, "interactions.csv"), splits=wanted, latest=latest)
        case Format.AMAZON:
            return amazon.read_interactions(folder, latest=latest)
        case Format.MOVIELENS:
            return movielens.read_interactions(folder, latest=latest)


def has_splits(folder: Path) -> bool:
    """Whether a data set says itself which of its interactions are held out."""
    return detect(folder) is Format.LRGD and lrgd.has_splits(_needed(folder, "interactions.csv"))


def read_eval_users(folder: Path) -> Iterator[EvalUser]:
    """The users to measure on; raises DatasetError when the data set names none."""
    return lrgd.read_eval_users(_needed(folder, "eval_users.jsonl"))


def _find(folder: Path, name: str) -> Path | None:
    return next((path for each in (name, f"{name}.gz") if (path := folder / each).is_file()), None)


def _needed(folder: Path, name: str) -> Path:
    if path := _find(folder, name):
        return path
    raise DatasetError(f"{folder} has no {name} or {name}.gz")
