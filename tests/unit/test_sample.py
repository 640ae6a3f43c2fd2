"""The invented shop: the same for the same seed, sound on disk, and with something to learn in it."""

from collections import Counter
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
import pytest

from app.domain.items import CatalogueItem
from app.domain.ranking import Ranking, Task
from app.domain.space import Space
from app.embeddings.fit import fit
from app.evaluation.datasets import EvalUser, read_eval_users, read_interactions, read_items
from app.rankers.dual import DualRanker
from app.rankers.popularity import PopularityRanker
from app.sample import Shop, appeal, make_shop, write_shop

NOW = 1_790_000_000


@pytest.fixture(scope="module")
def shop() -> Shop:
    return make_shop(20, NOW)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shop(tmp_path_factory.mktemp("shop"), now=NOW)


def test_the_same_seed_makes_the_same_files(folder: Path, tmp_path: Path) -> None:
    again = write_shop(tmp_path / "new" / "folder", now=NOW)
    for path in folder.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes()
    other = write_shop(tmp_path / "other", now=NOW, seed=21)
    assert (other / "items.jsonl.gz").read_bytes() != (folder / "items.jsonl.gz").read_bytes()


def test_another_moment_only_moves_the_times(shop: Shop) -> None:
    later = make_shop(20, NOW + 1000)
    assert [each.at + 1000 for each in shop.interactions] == [each.at for each in later.interactions]
    assert [each.item for each in shop.interactions] == [each.item for each in later.interactions]


def test_items_are_believable(shop: Shop) -> None:
    assert len(shop.items) == 432
    assert len({item.title for item in shop.items}) == len({item.item_id for item in shop.items}) == 432
    for item in shop.items:
        assert item.brand is not None
        assert item.title.startswith(item.brand)
        assert item.price is not None
        assert 2 < item.price < 500
        assert len(item.categories) == 2
        assert item.description


def test_purchases_are_in_order_and_in_the_past(shop: Shop) -> None:
    for _, rows in groupby(shop.interactions, key=lambda each: each.user_id):
        bought = list(rows)
        assert len(bought) >= 5
        assert all(first.at < second.at for first, second in pairwise(bought))
        assert [each.split for each in bought[-2:]] == ["valid", "test"]
        assert {each.split for each in bought[:-2]} == {"train"}
        assert len({each.item for each in bought}) == len(bought)
        assert shop.opened_at <= bought[0].at
        assert bought[-1].at < NOW
    assert all(shop.assortment.arrives[each.item] <= shop.time(each.at) for each in shop.interactions)


def test_few_items_sell_a_lot_and_some_never(shop: Shop) -> None:
    sold = Counter(each.item for each in shop.interactions)
    counts = sorted(sold.values(), reverse=True)
    assert len(sold) < len(shop.items)
    assert sum(counts[: len(counts) // 10]) > 0.25 * sum(counts)


def test_true_tastes_can_be_asked_for(shop: Shop) -> None:
    shopper = shop.shoppers[0]
    scores = appeal(shop.assortment, shopper, [3, 5], 0.9)
    assert scores.shape == (len(shop.items),)
    assert np.isneginf(scores[[3, 5]]).all()
    assert shopper.interest(0.0).sum() == pytest.approx(1.0)
    assert shopper.interest(1.0).sum() == pytest.approx(1.0)
    assert not np.allclose(shopper.interest(0.0), shopper.interest(1.0))


def test_the_files_hold_the_shop(shop: Shop, folder: Path) -> None:
    assert tuple(read_items(folder)) == shop.items
    rows = list(read_interactions(folder, now=NOW))
    assert len(rows) == len(shop.interactions)
    assert (rows[0].user_id, rows[0].at) == (shop.interactions[0].user_id, shop.interactions[0].at)


def test_users_to_measure_on_hide_the_truth_among_strangers(folder: Path) -> None:
    bought = {}
    for user_id, rows in groupby(read_interactions(folder, now=NOW), key=lambda row: row.user_id):
        bought[user_id] = [row.item_id for row in rows]
    users = list(read_eval_users(folder))
    assert len(users) == 500
    for user in users:
        assert [*user.history, user.validation_item, user.test_item] == bought[user.user_id]
        for truth, candidates in (
            (user.validation_item, user.validation_candidates),
            (user.test_item, user.test_candidates),
        ):
            assert len(set(candidates)) == 50
            assert set(candidates) & set(bought[user.user_id]) == {truth}


def test_there_is_something_to_learn(folder: Path) -> None:
    space = fitted(folder)
    users = list(read_eval_users(folder))
    popularity = np.mean([gain(PopularityRanker(space).rank(task(space, user)), space, user) for user in users])
    dual = np.mean([gain(DualRanker(space).rank(task(space, user)), space, user) for user in users])
    assert popularity > 0.13  # what a random order reaches is .10
    assert dual > popularity + 0.15


def fitted(folder: Path) -> Space:
    items = list(read_items(folder))
    number = {item.item_id: index for index, item in enumerate(items)}
    rows = list(read_interactions(folder, splits={"train"}, now=NOW))
    user_ids = sorted({row.user_id for row in rows})
    place = {user_id: index for index, user_id in enumerate(user_ids)}
    model = fit(
        items=[CatalogueItem(index, item) for index, item in enumerate(items)],
        user_ids=user_ids,
        users=np.array([place[row.user_id] for row in rows], dtype=np.int32),
        item_numbers=np.array([number[row.item_id] for row in rows], dtype=np.int32),
        times=np.array([row.at for row in rows], dtype=np.int64),
        version="test",
    )
    return model.space


def task(space: Space, user: EvalUser) -> Task:
    history = [space.row_of_id[item] for item in (*user.history, user.validation_item)]
    candidates = [space.row_of_id[item] for item in user.test_candidates]
    return Task(np.array(candidates, dtype=np.int32), np.array(history, dtype=np.int32))


def gain(ranking: Ranking, space: Space, user: EvalUser) -> float:
    """nDCG@10 of one user."""
    position = ranking.position(space.row_of_id[user.test_item])
    return 1.0 / np.log2(position + 1.0) if position is not None and position <= 10 else 0.0
