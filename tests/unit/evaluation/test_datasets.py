"""Data sets on disk: the three formats, and what is said about a bad line."""

import gzip
import json
from pathlib import Path

import pytest

from app.domain.items import EventKind, Item
from app.errors import DatasetError
from app.evaluation.datasets import Format, Row, detect, has_splits, read_eval_users, read_interactions, read_items

NOW = 1_700_000_000
ITEMS = '{"item_id": "a", "title": "A"}\n{"item_id": "b", "title": "B"}\n'


def write(folder: Path, **files: str) -> Path:
    """Files by name, `__` for a dot; a name that ends in gz is packed."""
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        raw = content.encode("latin-1" if path.suffix == ".dat" else "utf-8")
        path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return folder


def lrgd(folder: Path, interactions: str = "user_id,item_id,timestamp\n", items: str = ITEMS) -> Path:
    return write(folder, items__jsonl=items, interactions__csv=interactions)


def rows(folder: Path, **options: frozenset[str]) -> list[tuple[str, str, int]]:
    return [(row.user_id, row.item_id, row.at) for row in read_interactions(folder, now=NOW, **options)]


def test_our_own_format(tmp_path: Path) -> None:
    full = {"item_id": "c", "title": "C", "brand": "X", "categories": ["y", "z"], "price": 3, "description": "d"}
    lrgd(tmp_path, 'user_id,item_id,timestamp\n"u,1",a,5\nv,b,6\n', ITEMS + "\n" + json.dumps(full))
    assert detect(tmp_path) is Format.LRGD
    assert list(read_items(tmp_path)) == [Item("a", "A"), Item("b", "B"), Item("c", "C", "X", ("y", "z"), 3, "d")]
    assert list(read_interactions(tmp_path, now=NOW)) == [
        Row("u,1", "a", 5, EventKind.PURCHASE),
        Row("v", "b", 6, EventKind.PURCHASE),
    ]


def test_packed_files_are_read_too(tmp_path: Path) -> None:
    write(tmp_path, items__jsonl__gz=ITEMS, interactions__csv__gz="\ufeffuser_id,item_id,timestamp\r\nu,a,5\r\n")
    assert rows(tmp_path) == [("u", "a", 5)]


def test_splits_are_kept_apart(tmp_path: Path) -> None:
    lrgd(tmp_path, "split,timestamp,item_id,user_id\ntrain,1,a,u\nvalid,2,b,u\ntest,3,a,v\n")
    assert has_splits(tmp_path)
    assert rows(tmp_path, splits=frozenset({"train"})) == [("u", "a", 1)]
    assert len(rows(tmp_path, splits=frozenset({"train", "test"}))) == 2
    assert len(rows(tmp_path)) == 3
    with pytest.raises(DatasetError, match="no split dev"):
        rows(tmp_path, splits=frozenset({"dev"}))


def test_data_without_splits_are_taken_whole(tmp_path: Path) -> None:
    lrgd(tmp_path, "user_id,item_id,timestamp\nu,a,1\n")
    assert not has_splits(tmp_path)
    assert rows(tmp_path, splits=frozenset({"train"})) == [("u", "a", 1)]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("u,a", "2 fields instead of 4"),
        ("u,a,soon,train", "'soon' is not a whole number"),
        ("u,a,1.5,train", "not a whole number"),
        ("u,a,-1,train", "before 1970"),
        (f"u,a,{NOW + 86_401},train", "in the future"),
        (",a,1,train", "id is empty"),
        ("u,,1,train", "id is empty"),
        ("u" * 129 + ",a,1,train", "longer than 128"),
        ("u\0,a,1,train", "NUL"),
        ("u,a,1,dev", "split 'dev'"),
        ('u,"a,1,train', "not CSV"),
    ],
)
def test_a_bad_interaction_is_named(tmp_path: Path, line: str, what: str) -> None:
    lrgd(tmp_path, f"user_id,item_id,timestamp,split\nu,a,1,train\n{line}\n")
    with pytest.raises(DatasetError, match=rf"interactions\.csv, line \d: .*{what}"):
        rows(tmp_path)


def test_the_line_is_the_bad_one(tmp_path: Path) -> None:
    lrgd(tmp_path, "user_id,item_id,timestamp\nu,a,1\nu,b,x\n")
    with pytest.raises(DatasetError, match="line 3"):
        rows(tmp_path)


@pytest.mark.parametrize("header", ["", "user,item,timestamp", "user_id,item_id,timestamp,Split", "user_id,item_id"])
def test_unknown_columns_are_refused(tmp_path: Path, header: str) -> None:
    lrgd(tmp_path, header + "\n")
    with pytest.raises(DatasetError, match=r"interactions\.csv, line 1: the columns are"):
        rows(tmp_path)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"item_id": "c"}', "needs an item_id"),
        ('{"item_id": 3, "title": "C"}', "item_id is not a string"),
        ('{"item_id": "c", "title": "C\\u0000"}', "title is not a string without NUL"),
        ('{"item_id": "c", "title": "C", "price": -1}', "price"),
        ('{"item_id": "c", "title": "C", "price": true}', "price"),
        ('{"item_id": "c", "title": "C", "categories": "x"}', "categories"),
        ('{"item_id": "c", "title": "C", "categories": [1]}', "categories"),
    ],
)
def test_a_bad_item_is_named(tmp_path: Path, line: str, what: str) -> None:
    lrgd(tmp_path, items=ITEMS + line)
    with pytest.raises(DatasetError, match=rf"items\.jsonl, line 3: .*{what}"):
        list(read_items(tmp_path))


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    lrgd(tmp_path)
    (tmp_path / "items.jsonl").write_bytes(b'{"item_id": "a", "title": "A"}\n\xff\n')
    with pytest.raises(DatasetError, match=r"items\.jsonl, line 2: not utf-8"):
        list(read_items(tmp_path))
    (tmp_path / "items.jsonl").unlink()
    for broken in (gzip.compress(ITEMS.encode())[:-12], b"no gzip"):
        (tmp_path / "items.jsonl.gz").write_bytes(broken)
        with pytest.raises(DatasetError, match=r"items\.jsonl\.gz cannot be read"):
            list(read_items(tmp_path))


def test_a_folder_without_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no data set"):
        detect(tmp_path)
    with pytest.raises(DatasetError, match="not a folder"):
        detect(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match=r"no eval_users\.jsonl"):
        read_eval_users(tmp_path)


def test_users_to_measure_on(tmp_path: Path) -> None:
    short = {"user_id": "u", "history": ["a"], "validation_item": "b", "test_item": "c", "test_candidates": ["c", "d"]}
    long = short | {"history_ts": [1], "validation_ts": 2, "test_ts": 3, "validation_candidates": ["b"]}
    write(tmp_path, eval_users__jsonl__gz=f"{json.dumps(short)}\n{json.dumps(long)}\n")
    first, second = read_eval_users(tmp_path)
    assert (first.history, first.history_ts, first.test_ts, first.validation_candidates) == (("a",), (), None, ())
    assert (second.history_ts, second.validation_ts, second.test_ts) == ((1,), 2, 3)
    write(tmp_path, eval_users__jsonl__gz='{"user_id": "u"}')
    with pytest.raises(DatasetError, match=r"eval_users\.jsonl\.gz, line 1"):
        list(read_eval_users(tmp_path))


def test_amazon_as_published(tmp_path: Path) -> None:
    meta = [
        {
            "asin": "B01",
            "title": "Tom &amp; Jerry  game",
            "brand": "by\n    \n    Acme",
            "category": ["Games", "Toys &amp; more"],
            "price": "$1,012.99",
            "description": ["Good.", "Very good."],
        },
        {"asin": "B01", "title": "Again"},
        {"asin": "B02", "title": "", "price": ""},
        {"asin": "B03", "title": "var t = new Date().getTime()"},
        {"asin": "B04", "title": "Plain", "brand": "", "category": [], "price": ".a-box {}", "description": []},
    ]
    reviews = [{"reviewerID": "U1", "asin": "B01", "unixReviewTime": 5, "overall": 4.0}]
    write(
        tmp_path,
        meta_Games__json__gz="\n".join(map(json.dumps, meta)),
        Games_5__json="\n".join(map(json.dumps, reviews)),
    )
    assert detect(tmp_path) is Format.AMAZON
    assert list(read_items(tmp_path)) == [
        Item("B01", "Tom & Jerry game", "Acme", ("Games", "Toys & more"), 1012.99, "Good. Very good."),
        Item("B04", "Plain"),
    ]
    assert rows(tmp_path) == [("U1", "B01", 5)]
    write(tmp_path, Games_5__json='{"reviewerID": "U1"}')
    with pytest.raises(DatasetError, match=r"Games_5\.json, line 1: not a review"):
        rows(tmp_path)


def test_movielens_of_old(tmp_path: Path) -> None:
    write(
        tmp_path,
        movies__dat="1::Amélie (2001)::Comedy|Romance\n2::Alien (1979)::Horror\n",
        ratings__dat="7::1::5::978300760\n7::2::3::978302109\n",
    )
    assert detect(tmp_path) is Format.MOVIELENS
    assert not has_splits(tmp_path)
    assert next(iter(read_items(tmp_path))) == Item("1", "Amélie (2001)", categories=("Comedy", "Romance"))
    assert rows(tmp_path) == [("7", "1", 978300760), ("7", "2", 978302109)]
    write(tmp_path, ratings__dat="7::1::5\n")
    with pytest.raises(DatasetError, match=r"ratings\.dat, line 1: 3 fields instead of 4"):
        rows(tmp_path)


def test_movielens_of_now(tmp_path: Path) -> None:
    write(
        tmp_path,
        movies__csv='movieId,title,genres\r\n11,"American President, The (1995)",(no genres listed)\r\n',
        ratings__csv="userId,movieId,rating,timestamp\r\n1,11,4.5,1147880044\r\n",
    )
    assert list(read_items(tmp_path)) == [Item("11", "American President, The (1995)")]
    assert rows(tmp_path) == [("1", "11", 1147880044)]
    write(tmp_path, movies__csv="id,name\n1,x\n")
    with pytest.raises(DatasetError, match=r"movies\.csv, line 1: the columns are not movieId,title,genres"):
        list(read_items(tmp_path))
