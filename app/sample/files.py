"""The invented shop on disk, in lrgd's own format."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

import numpy as np
import orjson

from app.sample.shop import Purchase, Shop, make_shop

SEED = 20
EVAL_USERS = 500
CANDIDATES = 50


def write_shop(folder: Path, *, now: int, seed: int = SEED) -> Path:
    """Writes items, interactions and users to measure on; returns the folder. The same arguments, the same bytes."""
    shop = make_shop(seed, now)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "items.jsonl.gz", _json_lines(asdict(item) for item in shop.items))
    _write(folder / "interactions.csv.gz", _csv(shop))
    _write(folder / "eval_users.jsonl.gz", _json_lines(eval_users(shop, np.random.default_rng([seed, 1]))))
    return folder


def eval_users(shop: Shop, rng: np.random.Generator) -> list[dict[str, object]]:
    """Users with the truth hidden among items that they never bought, as the paper measures."""
    purchases = {user: list(rows) for user, rows in groupby(shop.interactions, key=lambda each: each.user_id)}
    chosen = sorted(rng.permutation(len(purchases))[:EVAL_USERS])
    users = list(purchases)
    return [_eval_user(shop, purchases[users[index]], rng) for index in chosen]


def _eval_user(shop: Shop, bought: list[Purchase], rng: np.random.Generator) -> dict[str, object]:
    ids = [item.item_id for item in shop.items]
    *history, validation, test = bought
    touched = {each.item for each in bought}
    return {
        "user_id": bought[0].user_id,
        "history": [ids[each.item] for each in history],
        "history_ts": [each.at for each in history],
        "validation_item": ids[validation.item],
        "validation_ts": validation.at,
        "test_item": ids[test.item],
        "test_ts": test.at,
        "validation_candidates": [ids[item] for item in _candidates(shop, validation, touched, rng)],
        "test_candidates": [ids[item] for item in _candidates(shop, test, touched, rng)],
    }


def _candidates(shop: Shop, truth: Purchase, touched: set[int], rng: np.random.Generator) -> list[int]:
    """The true item among others that could have been bought at that time, shuffled."""
    there = np.flatnonzero(shop.assortment.arrives <= shop.time(truth.at))
    others = [item for item in rng.permutation(there).tolist() if item not in touched]
    chosen = np.array([truth.item, *others[: CANDIDATES - 1]])
    shuffled: list[int] = rng.permutation(chosen).tolist()
    return shuffled


def _json_lines(records: Iterable[dict[str, object]]) -> bytes:
    return b"".join(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records)


def _csv(shop: Shop) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("user_id", "item_id", "timestamp", "split"))
    writer.writerows((each.user_id, shop.items[each.item].item_id, each.at, each.split) for each in shop.interactions)
    return text.getvalue().encode()


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(gzip.compress(content, mtime=0))
