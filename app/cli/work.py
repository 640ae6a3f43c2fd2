"""`lrgd work`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from app.cli.orphan import leave_with_parent
from app.cli.servers import servers
from app.log import configure_logging
from app.settings import Settings
from app.stores.dead import DeadLetters
from app.stores.redis import open_redis, redis_guard
from workers.run import Worker
from workers.run import work as run_workers


def work(
    workers: Annotated[list[Worker] | None, typer.Argument(help="Which; all of them when none is named.")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="List the dead letters and exit.")] = False,
    redrive: Annotated[
        bool, typer.Option("--redrive", help="Put the dead letters back on their streams and exit.")
    ] = False,
) -> None:
    """Runs background workers in this process, on the servers of the settings or of a running demo."""
    settings = Settings()
    if dead or redrive:
        with servers(settings) as located:
            asyncio.run(_letters(located, redrive=redrive))
        return
    configure_logging(settings.log, settings.log_level)
    leave_with_parent()
    with servers(settings) as located:
        uvloop.run(run_workers(located, workers or list(Worker)))


async def _letters(settings: Settings, *, redrive: bool) -> None:
    console = Console()
    async with open_redis(str(settings.redis_url), timeout_ms=10_000) as redis:
        letters = DeadLetters(redis, redis_guard(rest_s=0))
        if redrive:
            console.print(f"{await letters.redrive()} dead letters put back on their streams")
            return
        async for letter_id, letter in letters.each():
            died = datetime.fromtimestamp(letter.died_at, UTC)
            console.print(f"{letter_id}  {died:%Y-%m-%d %H:%M:%S}  {letter.worker}  {letter.stream}", highlight=False)
            console.print(f"  {letter.error.strip().splitlines()[-1]}", markup=False, highlight=False)
        console.print(f"{await letters.count()} dead letters")
