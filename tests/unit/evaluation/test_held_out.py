"""Which events a replay asks for."""

import json
from pathlib import Path

import pytest

from app.errors import DatasetError
from app.evaluation.held_out import CANDIDATES, Event, held_out

ITEMS = [f"i{number}" for number in range(80)]
HEADER = "user_id,item_id,timestamp"


def write(folder: Path, rows: list[str], *, split: bool = True, named: list[dict[str, object]] | None = None) -> Path:
    (folder / "items.jsonl").write_text("".join(json.dumps({"item_id": i, "title": i}) + "\n" for i in ITEMS))
    (folder / "interactions.csv").write_text("\n".join([HEADER + (",split" if split else ""), *rows]) + "\n")
    if named is not None:
        (folder / "eval_users.jsonl").write_text("".join(json.dumps(user) + "\n" for user in named))
    return folder


def six(user: str) -> list[str]:
    splits = ["train"] * 4 + ["valid", "test"]
    return [f"{user},i{place},{100 * place},{split}" for place, split in enumerate(splits)]


def test_the_held_out_rows_are_asked_in_order(tmp_path: Path) -> None:
    (user,) = held_out(write(tmp_path, six("u")), users=5, last=2, seed=1)
    assert (user.user_id, user.history, user.stored) == ("u", ("i0", "i1", "i2", "i3"), 4)
    assert [(event.item_id, event.at) for event in user.events] == [("i4", 400), ("i5", 500)]


def test_one_event_is_the_one_right_after_the_stored_history(tmp_path: Path) -> None:
    (user,) = held_out(write(tmp_path, six("u")), users=1, last=1, seed=1)
    assert [event.item_id for event in user.events] == ["i4"]


def test_without_splits_the_last_rows_are_asked(tmp_path: Path) -> None:
    rows = [f"u,i{place},{100 * place}" for place in (3, 0, 1, 5, 2, 4)]
    (user,) = held_out(write(tmp_path, rows, split=False), users=1, last=2, seed=1)
    assert user.history == ("i0", "i1", "i2", "i3")
    assert [event.item_id for event in user.events] == ["i4", "i5"]


def test_without_splits_a_repeat_is_one_event_and_everybody_keeps_one(tmp_path: Path) -> None:
    rows = ["u,i0,0", "u,i1,100", "u,i2,100", "u,i1,100", "u,i3,50", "u,gone,900", "v,i0,0", "v,i1,0", "w,i0,0"]
    named: list[dict[str, object]] = [
        {"user_id": user, "history": [], "validation_item": "", "test_item": "", "test_candidates": []}
        for user in ("u", "v", "w")
    ]
    users = held_out(write(tmp_path, rows, split=False, named=named), users=3, last=2, seed=1)
    assert [(user.user_id, user.history, user.stored) for user in users] == [("u", ("i0", "i3"), 2), ("v", ("i0",), 1)]
    assert [[event.item_id for event in user.events] for user in users] == [["i2", "i1"], ["i1"]]


def test_drawn_candidates_hide_the_truth_among_untouched_items(tmp_path: Path) -> None:
    folder = write(tmp_path, six("u"))
    (user,) = held_out(folder, users=1, last=2, seed=1)
    for event in user.events:
        assert len(set(event.candidates)) == CANDIDATES
        assert set(event.candidates) & {f"i{place}" for place in range(6)} == {event.item_id}
    assert held_out(folder, users=1, last=2, seed=1) == [user]
    assert held_out(folder, users=1, last=2, seed=2) != [user]


def test_named_users_come_first_with_their_candidates(tmp_path: Path) -> None:
    named: dict[str, object] = {
        "user_id": "z",
        "history": ["i0", "i1", "i2", "i3"],
        "validation_item": "i4",
        "test_item": "i5",
        "validation_candidates": ["i9", "i4"],
        "test_candidates": ["i5", "i8"],
    }
    folder = write(tmp_path, [*six("a"), *six("z"), *six("b")], named=[named])
    users = held_out(folder, users=2, last=2, seed=1)
    assert users[0].user_id == "z"
    assert users[0].events == (Event("i4", 400, ("i9", "i4")), Event("i5", 500, ("i5", "i8")))
    assert len(users) == 2


def test_what_ingest_leaves_out_is_left_out(tmp_path: Path) -> None:
    rows = ["u,gone,50,train", "u,i0,0,train", *six("u")]
    (user,) = held_out(write(tmp_path, rows), users=1, last=2, seed=1)
    assert user.stored == 4
    assert "gone" not in user.history


def test_data_without_anybody_to_replay_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no user"):
        held_out(write(tmp_path, ["u,i0,0,train"]), users=1, last=2, seed=1)
