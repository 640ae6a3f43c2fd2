"""Items and interactions in PostgreSQL."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app.domain.items import CatalogueItem, EventKind, Interaction, Item
from app.errors import StoreDown, UnknownUser
from app.stores.catalogue import Catalogue, UpsertResult
from app.stores.database import open_engine

pytestmark = pytest.mark.anyio

LAMP = Item("lamp", "Lamp", "Glow", ("home", 'say "light", \\ or {}'), 9.5, "It shines")
DESK = Item("desk", "Desk")
CHAIR = Item("chair", "Chair", price=0.0)
YEAR_2001 = 1_000_000_000


@pytest.fixture
async def catalogue(database_url: str) -> AsyncIterator[Catalogue]:
    engine = open_engine(database_url, pool_size=4)
    yield Catalogue(engine)
    await engine.dispose()


async def test_items_come_back_as_they_went_in(catalogue: Catalogue) -> None:
    assert await catalogue.upsert_items([LAMP, DESK]) == UpsertResult(2, 0, 0)
    items, _ = await catalogue.changed_since(None)
    assert items == [CatalogueItem(1, LAMP), CatalogueItem(2, DESK)]


async def test_an_upsert_tells_new_changed_and_equal_items_apart(catalogue: Catalogue) -> None:
    await catalogue.upsert_items([LAMP, DESK])
    brighter = Item("lamp", "Brighter lamp", "Glow")
    assert await catalogue.upsert_items([brighter, DESK, CHAIR]) == UpsertResult(1, 1, 1)
    assert await catalogue.upsert_items([]) == UpsertResult(0, 0, 0)


async def test_the_last_of_two_items_with_one_id_wins(catalogue: Catalogue) -> None:
    assert await catalogue.upsert_items([LAMP, Item("lamp", "Other")]) == UpsertResult(1, 0, 0)
    items, _ = await catalogue.changed_since(None)
    assert [each.item.title for each in items] == ["Other"]


async def test_repeats_use_up_no_numbers(catalogue: Catalogue) -> None:
    for _ in range(5):
        await catalogue.upsert_items([LAMP, DESK])
    await catalogue.upsert_items([CHAIR])
    assert await catalogue.numbers(["lamp", "desk", "chair", "sofa"]) == {"lamp": 1, "desk": 2, "chair": 3}


async def test_a_deleted_item_keeps_its_number_and_can_come_back(catalogue: Catalogue) -> None:
    await catalogue.upsert_items([LAMP, DESK])
    assert await catalogue.delete_item("lamp")
    assert not await catalogue.delete_item("lamp")
    assert not await catalogue.delete_item("sofa")
    items, _ = await catalogue.changed_since(None)
    assert items[0] == CatalogueItem(1, LAMP, deleted=True)
    assert await catalogue.upsert_items([LAMP]) == UpsertResult(0, 1, 0)
    items, _ = await catalogue.changed_since(None)
    assert items[0] == CatalogueItem(1, LAMP)


async def test_changes_are_told_once(catalogue: Catalogue) -> None:
    nothing, start = await catalogue.changed_since(None)
    assert nothing == []
    await catalogue.upsert_items([LAMP, DESK])
    first, seen = await catalogue.changed_since(start)
    assert [each.number for each in first] == [1, 2]
    assert await catalogue.changed_since(seen) == ([], seen)
    await catalogue.upsert_items([LAMP, DESK])
    assert await catalogue.changed_since(seen) == ([], seen)
    await catalogue.delete_item("desk")
    changed, later = await catalogue.changed_since(seen)
    assert changed == [CatalogueItem(2, DESK, deleted=True)]
    assert later > seen


async def test_a_change_that_is_slow_to_commit_is_not_missed(catalogue: Catalogue) -> None:
    """A second writer waits for the first, so nobody sees the second's stamp before the first's change."""
    await catalogue.upsert_items([LAMP])
    _, seen = await catalogue.changed_since(None)
    slow = Catalogue(catalogue.engine)
    async with catalogue.engine.begin() as connection:
        await connection.execute(text("SELECT FROM items WHERE item_id = 'lamp' FOR UPDATE"))
        first = asyncio.create_task(slow.upsert_items([Item("lamp", "Slow")]))  # takes its turn, waits for the row
        await asyncio.sleep(0.2)
        second = asyncio.create_task(catalogue.upsert_items([DESK]))
        await asyncio.sleep(0.2)
        assert await catalogue.changed_since(seen) == ([], seen)
    await asyncio.gather(first, second)
    changed, _ = await catalogue.changed_since(seen)
    assert {each.item.title for each in changed} == {"Slow", "Desk"}


async def test_stamps_ascend_when_the_clock_does_not(catalogue: Catalogue) -> None:
    await catalogue.upsert_items([LAMP])
    async with catalogue.engine.begin() as connection:
        await connection.execute(text("UPDATE items SET updated_at = now() + interval '1 hour'"))
    _, seen = await catalogue.changed_since(None)
    await catalogue.upsert_items([DESK])
    changed, _ = await catalogue.changed_since(seen)
    assert [each.item for each in changed] == [DESK]


async def test_writers_of_the_same_items_do_not_deadlock(catalogue: Catalogue) -> None:
    many = [Item(f"i{index}", f"Item {index}") for index in range(50)]
    results = await asyncio.gather(*(catalogue.upsert_items(many[:: 1 if turn % 2 else -1]) for turn in range(8)))
    assert sum(result.inserted for result in results) == 50
    assert sorted((await catalogue.numbers([item.item_id for item in many])).values()) == list(range(1, 51))


async def test_interactions_are_counted_once(catalogue: Catalogue) -> None:
    rows = [Interaction("u", 1, YEAR_2001), Interaction("u", 1, YEAR_2001), Interaction("u", 2, YEAR_2001)]
    assert await catalogue.add_interactions(rows) == 2
    assert await catalogue.add_interactions(rows) == 0
    assert await catalogue.copy_interactions(rows) == 0
    assert await catalogue.add_interactions([Interaction("u", 1, YEAR_2001, EventKind.SKIP)]) == 1
    assert await catalogue.add_interactions([]) == 0
    assert await catalogue.copy_interactions([]) == 0


async def test_live_months_get_their_partition(catalogue: Catalogue) -> None:
    now = int(time.time())
    months = [now + ahead * 31 * 86_400 for ahead in range(4)]
    assert await catalogue.copy_interactions(Interaction("u", 1, at) for at in months) == 4
    assert await catalogue.add_interactions([Interaction("u", 2, at) for at in months]) == 4
    async with catalogue.engine.begin() as connection:
        used = await connection.execute(text("SELECT DISTINCT tableoid::regclass::text FROM interactions"))
        assert len(used.all()) >= 3


async def test_a_history_is_the_newest_events_oldest_first(catalogue: Catalogue) -> None:
    rows = [Interaction("u", number, YEAR_2001 + number, EventKind.CLICK) for number in range(1, 8)]
    rows.append(Interaction("u", 9, int(time.time())))  # another partition
    await catalogue.add_interactions([*rows, Interaction("v", 3, YEAR_2001)])
    history = await catalogue.history("u", limit=3)
    assert history.events["item"].tolist() == [6, 7, 9]
    assert history.events["kind"].tolist() == [EventKind.CLICK.code] * 2 + [EventKind.PURCHASE.code]
    assert history.events["at"].tolist()[:2] == [YEAR_2001 + 6, YEAR_2001 + 7]
    assert len(await catalogue.history("nobody", limit=3)) == 0


@pytest.mark.parametrize(
    "user_id", ["with\ttab", "line\nbreak\r", "back\\slash", "\\N", "{a,b}", "ünïcödé 🛒", "'; --"]
)
async def test_any_user_id_survives(catalogue: Catalogue, user_id: str) -> None:
    await catalogue.copy_interactions([Interaction(user_id, 1, YEAR_2001)])
    await catalogue.add_interactions([Interaction(user_id, 2, YEAR_2001 + 1)])
    assert (await catalogue.history(user_id, limit=5)).events["item"].tolist() == [1, 2]
    assert (await catalogue.read_for_fit()).user_ids == [user_id]


async def test_a_fit_reads_items_and_positive_events(catalogue: Catalogue) -> None:
    await catalogue.upsert_items([LAMP, DESK])
    await catalogue.delete_item("desk")
    rows = [
        Interaction("u", 1, 0),
        Interaction("u", 2, YEAR_2001 + 1, EventKind.LIKE),
        Interaction("v", 2, int(time.time()), EventKind.CLICK),
        Interaction("v", 1, YEAR_2001, EventKind.DISLIKE),
        Interaction("w", 1, YEAR_2001, EventKind.SKIP),
    ]
    await catalogue.add_interactions(rows)
    read = await catalogue.read_for_fit()
    assert [each.deleted for each in read.items] == [False, True]
    events = {
        (read.user_ids[user], item, at)
        for user, item, at in zip(read.users.tolist(), read.item_numbers.tolist(), read.times.tolist(), strict=True)
    }
    assert events == {(each.user_id, each.item, each.at) for each in rows if each.kind.positive}
    assert await catalogue.changed_since(read.changed_until) == ([], read.changed_until)


async def test_an_empty_database_can_be_read_for_a_fit(catalogue: Catalogue) -> None:
    read = await catalogue.read_for_fit()
    assert (read.items, read.user_ids, len(read.users), len(read.times)) == ([], [], 0, 0)


async def test_only_what_came_after_a_fit_is_new(catalogue: Catalogue) -> None:
    await catalogue.add_interactions([Interaction("u", 1, YEAR_2001)])
    async with catalogue.engine.connect() as open_transaction:
        await open_transaction.execute(
            text("INSERT INTO interactions (user_id, occurred_at, item, kind) VALUES ('u', '2001-01-01', 7, 1)")
        )
        read = await catalogue.read_for_fit()
        assert len(read.times) == 1
        await open_transaction.commit()
    assert await catalogue.interactions_since(read.read_at) == 1  # it began before the fit read, and is not lost
    assert await catalogue.interactions_since((await catalogue.read_for_fit()).read_at) == 0
    assert await catalogue.interactions_since(datetime.now(UTC) - timedelta(days=1)) == 2


async def test_an_example_is_a_user_with_an_item(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownUser):
        await catalogue.example()
    await catalogue.upsert_items([LAMP, DESK])
    await catalogue.add_interactions([Interaction("u", 1, YEAR_2001), Interaction("u", 2, YEAR_2001 + 1)])
    assert await catalogue.example() == ("u", "desk")


async def test_a_server_that_is_not_there_is_named() -> None:
    engine = open_engine("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(StoreDown, match="postgresql"):
        await Catalogue(engine).history("u", limit=3)
    await engine.dispose()
