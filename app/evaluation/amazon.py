"""Amazon review data of 2018 as published: meta_*.json.gz and *_5.json.gz, one JSON object a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

from app.domain.items import Item
from app.evaluation.lrgd import records
from app.evaluation.source import Row, checked, fault

_PRICE = re.compile(r"\$\s*([\d,]*\.?\d+)")
_SCRIPT = "getTime"  # some pages were scraped with a script where the title should be
_LONGEST_TITLE = 500


def meta_files(folder: Path) -> list[Path]:
    """The files with items."""
    return sorted([*folder.glob("meta_*.json.gz"), *folder.glob("meta_*.json")])


def review_files(folder: Path) -> list[Path]:
    """The files with reviews."""
    return sorted([*folder.glob("*_5.json.gz"), *folder.glob("*_5.json")])


def read_items(folder: Path) -> Iterator[Item]:
    """Items that have a title, each once: the dumps repeat them."""
    seen: set[str] = set()
    for path in meta_files(folder):
        for line, record in records(path):
            item_id = record.get("asin")
            if not isinstance(item_id, str) or not item_id:
                raise fault(path, line, "no asin")
            title = _clean(record.get("title"))
            if item_id in seen or title is None or _SCRIPT in title:
                continue
            seen.add(item_id)
            yield Item(
                item_id,
                title[:_LONGEST_TITLE],
                _brand(record.get("brand")),
                tuple(filter(None, map(_clean, _listed(record.get("category"))))),
                _price(record.get("price")),
                _clean(" ".join(each for each in _listed(record.get("description")) if isinstance(each, str))),
            )


def read_interactions(folder: Path, *, latest: int) -> Iterator[Row]:
    """The reviews: each says that somebody bought something."""
    for path in review_files(folder):
        for line, record in records(path):
            user_id, item_id, at = (record.get(name) for name in ("reviewerID", "asin", "unixReviewTime"))
            if not (isinstance(user_id, str) and isinstance(item_id, str) and isinstance(at, int)):
                raise fault(path, line, "not a review with reviewerID, asin and unixReviewTime")
            yield checked(path, line, user_id=user_id, item_id=item_id, at=str(at), latest=latest)


def _clean(value: object) -> str | None:
    """The text without entities, NULs and runs of white space; None when nothing is left."""
    return " ".join(unescape(value).replace("\0", " ").split()) or None if isinstance(value, str) else None


def _brand(value: object) -> str | None:
    brand = _clean(value)
    return brand.removeprefix("by ") if brand else None


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _price(value: object) -> float | None:
    """The first price named: "$12.99", "$10.00 - $15.00"; the dumps hold pieces of style sheets as well."""
    found = _PRICE.match(value.strip()) if isinstance(value, str) else None
    return float(found.group(1).replace(",", "")) if found else None
