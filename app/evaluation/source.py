"""What every data format has in common: rows, how files are opened, and how a fault is told."""

from __future__ import annotations

import csv
import gzip
import io
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from app.domain.items import EventKind
from app.errors import DatasetError

LONGEST_ID = 128  # characters, as the API allows
_DAY = 86_400
_UNREADABLE = (OSError, EOFError, zlib.error)


@dataclass(slots=True)
class Row:
    """One interaction as it stands in a file; not frozen, which would double the cost of millions."""

    user_id: str
    item_id: str
    at: int  # seconds since the epoch
    kind: EventKind = EventKind.PURCHASE


def latest_allowed(now: int | None) -> int:
    """The last second that an event may carry: a day from now, for clocks that go ahead."""
    return (int(time.time()) if now is None else now) + _DAY


def fault(path: Path, line: int, what: str) -> DatasetError:
    """The error to raise for a bad line."""
    return DatasetError(f"{path.name}, line {line}: {what}")


@contextmanager
def opened(path: Path, *, encoding: str = "utf-8") -> Iterator[io.TextIOWrapper]:
    """The text of a file, unpacked where its name ends in .gz; a file that cannot be read raises DatasetError."""
    # a byte order mark is no part of the first column's name; csv wants line ends untouched
    name = "utf-8-sig" if encoding == "utf-8" else encoding
    try:
        with _binary(path) as binary, io.TextIOWrapper(binary, name, newline="") as stream:
            yield stream
    except UnicodeDecodeError as error:
        raise fault(path, _undecodable(path, encoding), f"not {encoding}: {error.reason}") from error
    except _UNREADABLE as error:
        raise DatasetError(f"{path.name} cannot be read: {error}") from error


def csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of each line of a CSV file, the header with them."""
    with opened(path) as stream:
        reader = csv.reader(stream, strict=True)
        try:
            for fields in reader:
                yield reader.line_num, fields
        except csv.Error as error:
            raise fault(path, reader.line_num, f"not CSV: {error}") from error


def _binary(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _undecodable(path: Path, encoding: str) -> int:
    """The number of the first line that is not in this encoding."""
    with _binary(path) as stream:
        for line, raw in enumerate(stream, 1):
            try:
                raw.decode(encoding)
            except UnicodeDecodeError:
                return line
    return 0


def checked(path: Path, line: int, *, user_id: str, item_id: str, at: str, latest: int) -> Row:
    """The row with these fields; raises DatasetError for the first of them that is not right."""
    try:
        second = int(at)
    except ValueError:
        raise fault(path, line, f"the timestamp {at[:40]!r} is not a whole number of seconds") from None
    if user_id and item_id and 0 <= second <= latest and len(user_id) <= LONGEST_ID and "\0" not in user_id:
        return Row(user_id, item_id, second)
    if not 0 <= second <= latest:
        raise fault(path, line, f"the timestamp {second} is before 1970 or in the future")
    raise fault(path, line, f"the user or item id is empty, longer than {LONGEST_ID} characters or has a NUL in it")
