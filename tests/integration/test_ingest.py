"""Data sets on their way into the catalogue."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.cli.ingest import IngestReport, ingest_folder
from app.errors import DatasetError
from app.stores.catalogue import Catalogue
from app.stores.database import open_engine

pytestmark = pytest.mark.anyio

ITEMS = '{"item_id": "a", "title": "A"}\n{"item_id": "b", "title": "B"}\n{"item_id": "a", "title": "Again"}\n'
ROWS = "user_id,item_id,timestamp,split\nu,a,1000,train\nu,b,2000,valid\nv,a,1000,train\nv,gone,1500,train\n"


@pytest.fixture
async def catalogue(database_url: str) -> AsyncIterator[Catalogue]:
    engine = open_engine(database_url, pool_size=2)
    yield Catalogue(engine)
    await engine.dispose()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "items.jsonl").write_text(ITEMS)
    (tmp_path / "interactions.csv").write_text(ROWS)
    return tmp_path


async def test_only_the_training_part_is_taken(catalogue: Catalogue, folder: Path) -> None:
    told: list[tuple[str, int, int]] = []
    report = await ingest_folder(folder, catalogue, progress=lambda *progress: told.append(progress))
    assert report == IngestReport(items=2, interactions=2, skipped_unknown_items=1, users=2)
    assert told == [("checking", 3, 3), ("items", 2, 2), ("interactions", 3, 3)]
    assert (await catalogue.history("u", limit=9)).events["item"].tolist() == [1]


async def test_everything_is_taken_when_asked_for(catalogue: Catalogue, folder: Path) -> None:
    report = await ingest_folder(folder, catalogue, splits=None)
    assert report == IngestReport(items=2, interactions=3, skipped_unknown_items=1, users=2)


async def test_a_second_time_changes_nothing(catalogue: Catalogue, folder: Path) -> None:
    await ingest_folder(folder, catalogue)
    items, seen = await catalogue.changed_since(None)
    assert [each.item.title for each in items] == ["Again", "B"]
    again = await ingest_folder(folder, catalogue)
    assert again == IngestReport(items=2, interactions=0, skipped_unknown_items=1, users=2)
    assert await catalogue.changed_since(seen) == ([], seen)


async def test_nothing_is_stored_of_bad_data(catalogue: Catalogue, folder: Path) -> None:
    with (folder / "interactions.csv").open("a") as stream:
        stream.write("w,a,never,train\n")
    with pytest.raises(DatasetError, match=r"interactions\.csv, line 6"):
        await ingest_folder(folder, catalogue)
    assert (await catalogue.changed_since(None))[0] == []


async def test_the_last_events_are_held_out_of_data_without_splits(catalogue: Catalogue, folder: Path) -> None:
    rows = ["u,b,2000", "u,a,1000", "u,gone,3000", "u,b,2000", "v,a,1000"]
    (folder / "interactions.csv").write_text("\n".join(["user_id,item_id,timestamp", *rows]))
    report = await ingest_folder(folder, catalogue, hold_out=1)
    assert report == IngestReport(items=2, interactions=2, skipped_unknown_items=1, users=2, held_out=1)
    assert (await catalogue.history("u", limit=9)).events["item"].tolist() == [1]
    assert len(await catalogue.history("v", limit=9)) == 1


async def test_data_with_splits_say_themselves_what_is_held_out(catalogue: Catalogue, folder: Path) -> None:
    with pytest.raises(DatasetError, match="has a split column"):
        await ingest_folder(folder, catalogue, hold_out=1)
    assert (await catalogue.changed_since(None))[0] == []
