"""MovieLens as published: movies.dat and ratings.dat, or movies.csv and ratings.csv."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from app.domain.items import Item
from app.errors import DatasetError
from app.evaluation.source import Row, checked, csv_rows, fault, opened

_SEPARATOR = "::"
_NO_GENRES = "(no genres listed)"
_HEADERS = {"movies": ["movieId", "title", "genres"], "ratings": ["userId", "movieId", "rating", "timestamp"]}


def find(folder: Path, name: str) -> Path | None:
    """The file of this name, in whichever form it was published."""
    return next((path for ending in ("dat", "csv") if (path := folder / f"{name}.{ending}").is_file()), None)


def read_items(folder: Path) -> Iterator[Item]:
    """The films, with their genres as categories."""
    path = _found(folder, "movies")
    for line, (item_id, title, genres) in _fields(path, "movies"):
        if not item_id or not title.strip():
            raise fault(path, line, "a film without id or title")
        yield Item(item_id, title.strip(), categories=() if genres == _NO_GENRES else tuple(genres.split("|")))


def read_interactions(folder: Path, *, latest: int) -> Iterator[Row]:
    """The ratings: each says that somebody watched something."""
    path = _found(folder, "ratings")
    for line, (user_id, item_id, _rating, at) in _fields(path, "ratings"):
        yield checked(path, line, user_id=user_id, item_id=item_id, at=at, latest=latest)


def _found(folder: Path, name: str) -> Path:
    if path := find(folder, name):
        return path
    raise DatasetError(f"{folder.name} has no {name}.dat or {name}.csv")


def _fields(path: Path, name: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of each line."""
    header = _HEADERS[name]
    lines = _from_csv(path, header) if path.suffix == ".csv" else _from_dat(path)
    for line, fields in lines:
        if len(fields) != len(header):
            raise fault(path, line, f"{len(fields)} fields instead of {len(header)}")
        yield line, fields


def _from_dat(path: Path) -> Iterator[tuple[int, list[str]]]:
    with opened(path, encoding="latin-1") as stream:
        for line, text in enumerate(stream, 1):
            yield line, text.rstrip("\r\n").split(_SEPARATOR)


def _from_csv(path: Path, header: list[str]) -> Iterator[tuple[int, list[str]]]:
    rows = csv_rows(path)
    if next(rows, (1, []))[1] != header:
        raise fault(path, 1, f"the columns are not {','.join(header)}")
    return rows
