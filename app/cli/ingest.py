"""`lrgd ingest`: brings a data set into the catalogue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from app.cli.servers import servers
from app.domain.items import Interaction, Item
from app.errors import DatasetError
from app.evaluation.datasets import Row, has_splits, read_interactions, read_items
from app.evaluation.latest import Latest, latest_events
from app.log import configure_logging
from app.settings import Settings
from app.stores.catalogue import Catalogue
from app.stores.database import open_engine

ITEMS_AT_ONCE = 10_000
ROWS_AT_ONCE = 200_000
TRAIN = frozenset({"train"})

Stage = Literal["checking", "items", "interactions"]
Watcher = Callable[[Stage, int, int], None]  # the stage, how many are done, of how many


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What was found in a data set: its items, and of its interactions the new ones and those of unknown items."""

    items: int
    interactions: int
    skipped_unknown_items: int
    users: int
    held_out: int = 0  # distinct events that were left out for a replay


@dataclass(frozen=True, slots=True)
class _Contents:
    """A data set that was read to its end without a fault."""

    items: list[Item]
    rows: int
    held_out: Latest = field(default_factory=dict)


def ingest(
    folder: Annotated[Path, typer.Argument(help="A data set: lrgd's own format, Amazon 2018 or MovieLens.")],
    all_splits: Annotated[
        bool, typer.Option("--all-splits", help="Take valid and test rows as well as train.")
    ] = False,
    hold_out: Annotated[
        int,
        typer.Option(min=0, help="Without splits: leave out each user's last N events for `lrgd replay --last N`."),
    ] = 0,
) -> None:
    """Stores a data set's items and interactions; taking it again changes nothing."""
    settings = Settings()
    configure_logging("console", "warning")
    with servers(settings) as located:
        report = asyncio.run(_ingest(located, folder, None if all_splits else TRAIN, hold_out))
    Console().print(
        f"{report.items:,} items, {report.interactions:,} new interactions of {report.users:,} users; "
        f"{report.skipped_unknown_items:,} left out because their item is not among the items"
        + (f", {report.held_out:,} held out" if hold_out else "")
    )


async def ingest_folder(
    folder: Path,
    catalogue: Catalogue,
    *,
    splits: Collection[str] | None = TRAIN,
    hold_out: int = 0,
    progress: Watcher | None = None,
) -> IngestReport:
    """Stores a data set; all is read before anything is stored, so a DatasetError leaves the catalogue as it was.

    Of a data set with splits only `splits` are taken (None: all), the others are kept out for honest measuring. Of one
    without splits the last `hold_out` events of each user are, but never a user's only one; splits and `hold_out`
    together are refused with a DatasetError. Taking the same data set again changes nothing, and takes nothing back
    that is stored already.
    """
    told = progress or _nobody
    contents = await asyncio.to_thread(_checked, folder, splits, hold_out)
    told("checking", contents.rows, contents.rows)
    numbers: dict[str, int] = {}
    for start in range(0, len(contents.items), ITEMS_AT_ONCE):
        chunk = contents.items[start : start + ITEMS_AT_ONCE]
        await catalogue.upsert_items(chunk)
        numbers |= await catalogue.numbers([item.item_id for item in chunk])
        told("items", start + len(chunk), len(contents.items))
    return await _store_rows(folder, catalogue, numbers, splits, contents=contents, told=told)


async def _ingest(settings: Settings, folder: Path, splits: Collection[str] | None, hold_out: int) -> IngestReport:
    """The report of an ingest whose progress is shown."""
    engine = open_engine(str(settings.database_url), pool_size=2)
    shown = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=Console(stderr=True))
    try:
        with shown:
            task = shown.add_task("checking", total=None)

            def watch(stage: Stage, done: int, total: int) -> None:
                shown.update(task, description=stage, completed=done, total=total)

            return await ingest_folder(folder, Catalogue(engine), splits=splits, hold_out=hold_out, progress=watch)
    finally:
        await engine.dispose()


async def _store_rows(
    folder: Path,
    catalogue: Catalogue,
    numbers: dict[str, int],
    splits: Collection[str] | None,
    *,
    contents: _Contents,
    told: Watcher,
) -> IngestReport:
    """Reads the rows a second time rather than hold them: a large data set has more of them than memory."""
    rows = read_interactions(folder, splits=splits)
    users: set[str] = set()
    new = unknown = done = 0
    while chunk := await asyncio.to_thread(_next_rows, rows):
        kept = await asyncio.to_thread(_interactions, chunk, numbers, contents.held_out)
        users.update(each.user_id for each in kept)
        new += await catalogue.copy_interactions(kept)
        unknown += sum(row.item_id not in numbers for row in chunk)
        done += len(chunk)
        told("interactions", done, contents.rows)
    return IngestReport(len(numbers), new, unknown, len(users), sum(map(len, contents.held_out.values())))


def _checked(folder: Path, splits: Collection[str] | None, hold_out: int) -> _Contents:
    if hold_out and has_splits(folder):
        raise DatasetError(f"{folder} has a split column, which says what is held out: take it without --hold-out")
    items = {item.item_id: item for item in read_items(folder)}
    rows = sum(1 for _ in read_interactions(folder, splits=splits))
    if not hold_out:
        return _Contents(list(items.values()), rows)
    known = (row for row in read_interactions(folder) if row.item_id in items)
    return _Contents(list(items.values()), rows, latest_events(known, hold_out))


def _next_rows(rows: Iterator[Row]) -> list[Row]:
    return list(islice(rows, ROWS_AT_ONCE))


def _interactions(rows: list[Row], numbers: dict[str, int], held_out: Latest) -> list[Interaction]:
    return [
        Interaction(row.user_id, numbers[row.item_id], row.at, row.kind)
        for row in rows
        if row.item_id in numbers and row not in held_out.get(row.user_id, ())
    ]


def _nobody(_stage: Stage, _done: int, _total: int) -> None:
    """Tells no one."""
