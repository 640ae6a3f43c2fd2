"""`lrgd inspect`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.cli.servers import servers
from app.domain.path import Estimate, Path
from app.errors import UnknownUser
from app.log import configure_logging
from app.runtime import Runtime
from app.settings import Settings
from app.wiring import open_runtime


def inspect(user: Annotated[str, typer.Argument(help="A user id.")]) -> None:
    """Shows what is remembered of a user: history, paths, demonstrations, outcomes."""
    configure_logging("console", "warning")
    with servers(Settings()) as located:
        asyncio.run(_inspect(located, user))


async def _inspect(settings: Settings, user: str) -> None:
    async with open_runtime(settings, learns=False) as rt:
        memory = (await rt.memory.load([user])).get(user)
        history = memory.history if memory else await rt.catalogue.history(user, limit=20)
        if not len(history):
            raise UnknownUser(f"nothing is known of user {user}")
        console = Console()
        console.print(f"[bold]{user}[/bold], {len(history)} events, newest last:", highlight=False)
        for number in history.wanted(10).tolist():
            console.print(
                f"  {rt.live.current.title(number) or f'item {number}, deleted'}", markup=False, highlight=False
            )
        if memory is None:
            console.print("no memory in Redis yet: it is built with the first request or feedback")
        for path in memory.paths if memory else ():
            _print_path(console, rt, path)
        await _print_outcomes(console, rt, user)


def _print_path(console: Console, rt: Runtime, path: Path) -> None:
    statistics = path.statistics
    console.print(
        f"\n[bold]path {path.index}[/bold] {path.perspective}, {path.state}, version {path.demonstration.version}, "
        f"{statistics.rounds} effects: mean {_interval(statistics.effect_estimate())}, "
        f"gain {_interval(statistics.gain_estimate())}",
        highlight=False,
    )
    for line in path.demonstration.in_words(rt.live.current.title):
        console.print(f"  {line}", markup=False, highlight=False)


async def _print_outcomes(console: Console, rt: Runtime, user: str) -> None:
    outcomes = await rt.outcomes.user_outcomes(user, limit=10)
    if not outcomes:
        return
    table = Table("at", "item", "event", "path", "position", "effect", "control", "gain", title="newest outcomes")
    for each in outcomes:
        at = datetime.fromtimestamp(each.at, UTC)
        cells = (f"{at:%Y-%m-%d %H:%M:%S}", each.item_id or None, each.event, each.path, each.position)
        numbers = (each.effect, each.control_effect, each.gain)
        table.add_row(*("-" if cell is None else str(cell) for cell in cells), *map(_number, numbers))
    console.print(table)


def _interval(estimate: Estimate) -> str:
    if estimate.mean is None:
        return "-"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.mean:.3f}"
    return f"{estimate.mean:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
