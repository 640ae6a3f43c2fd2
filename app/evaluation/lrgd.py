"""lrgd's own format: items.jsonl[.gz], interactions.csv[.gz] and, for measuring, eval_users.jsonl[.gz]."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from app.domain.items import Item
from app.evaluation.source import LONGEST_ID, Row, checked, csv_rows, fault, opened

SPLITS = frozenset({"train", "valid", "test"})
_REQUIRED = ("user_id", "item_id", "timestamp")


@dataclass(frozen=True, slots=True)
class EvalUser:
    """One user to measure on: what came before, the true items and the candidates they hide among."""

    user_id: str
    history: tuple[str, ...]
    history_ts: tuple[int, ...]
    validation_item: str
    validation_ts: int | None
    validation_candidates: tuple[str, ...]
    test_item: str
    test_ts: int | None
    test_candidates: tuple[str, ...]


def read_items(path: Path) -> Iterator[Item]:
    """The items of a JSON lines file."""
    for line, record in records(path):
        try:
            yield _item(record)
        except ValueError as error:
            raise fault(path, line, str(error)) from error


def read_interactions(path: Path, *, splits: frozenset[str] | None, latest: int) -> Iterator[Row]:
    """The rows of an interactions file; with `splits`, of those where the file says which split a row is in."""
    rows = csv_rows(path)
    _, header = next(rows, (1, []))
    user, item, at, split = _columns(path, header)
    for line, fields in rows:
        if len(fields) != len(header):
            raise fault(path, line, f"{len(fields)} fields instead of {len(header)}")
        if split is not None:
            if fields[split] not in SPLITS:
                raise fault(path, line, f"the split {fields[split][:40]!r} is not train, valid or test")
            if splits is not None and fields[split] not in splits:
                continue
        yield checked(path, line, user_id=fields[user], item_id=fields[item], at=fields[at], latest=latest)


def has_splits(path: Path) -> bool:
    """Whether an interactions file says which split a row is in."""
    _, header = next(csv_rows(path), (1, []))
    return _columns(path, header)[3] is not None


def read_eval_users(path: Path) -> Iterator[EvalUser]:
    """The users to measure on."""
    for line, record in records(path):
        try:
            yield EvalUser(
                user_id=record["user_id"],
                history=tuple(record["history"]),
                history_ts=tuple(record.get("history_ts", ())),
                validation_item=record["validation_item"],
                validation_ts=record.get("validation_ts"),
                validation_candidates=tuple(record.get("validation_candidates", ())),
                test_item=record["test_item"],
                test_ts=record.get("test_ts"),
                test_candidates=tuple(record["test_candidates"]),
            )
        except (KeyError, TypeError) as error:
            raise fault(path, line, f"not an evaluation user: {error!r}") from error


def records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and object of each line of a JSON lines file."""
    with opened(path) as stream:
        for line, text in enumerate(stream, 1):
            if not text.strip():
                continue
            try:
                record = orjson.loads(text)
            except orjson.JSONDecodeError as error:
                raise fault(path, line, f"not JSON: {error}") from error
            if not isinstance(record, dict):
                raise fault(path, line, "not a JSON object")
            yield line, record


def _columns(path: Path, header: list[str]) -> tuple[int, int, int, int | None]:
    """Where user, item, timestamp and split stand; an unknown column is refused, it could be a split misspelt."""
    missing = [name for name in _REQUIRED if name not in header]
    unknown = [name for name in header if name not in (*_REQUIRED, "split")]
    if missing or unknown or len(set(header)) != len(header):
        raise fault(path, 1, f"the columns are {','.join(header)[:80]!r}, not user_id,item_id,timestamp[,split]")
    user, item, at = (header.index(name) for name in _REQUIRED)
    return user, item, at, header.index("split") if "split" in header else None


def _item(record: dict[str, Any]) -> Item:
    """The item of this record; raises ValueError."""
    item_id, title = _text(record, "item_id"), _text(record, "title")
    if not item_id or not title or len(item_id) > LONGEST_ID:
        raise ValueError(f"an item needs an item_id of at most {LONGEST_ID} characters and a title")
    categories = record.get("categories") or []
    if not isinstance(categories, list) or not all(isinstance(each, str) and "\0" not in each for each in categories):
        raise ValueError("categories is not a list of strings")
    price = record.get("price")
    if price is not None and (isinstance(price, bool) or not isinstance(price, int | float) or not _sound(price)):
        raise ValueError("price is not a number from 0 on")
    return Item(item_id, title, _text(record, "brand"), tuple(categories), price, _text(record, "description"))


def _text(record: dict[str, Any], name: str) -> str | None:
    value = record.get(name)
    if value is not None and (not isinstance(value, str) or "\0" in value):
        raise ValueError(f"{name} is not a string without NUL")
    return value


def _sound(price: float) -> bool:
    return math.isfinite(price) and price >= 0
