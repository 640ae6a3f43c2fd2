"""`lrgd replay`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import httpx
import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from app.evaluation.held_out import HeldOut, held_out
from app.evaluation.replay import Arm, Replayed, replay_users
from app.evaluation.service import Service
from app.evaluation.summary import Summary, summarise

TIMEOUT_S = 30.0
_ROWS = ("ndcg_1", "ndcg_10", "recall_10", "effect", "control_effect", "gain")
_TITLES = ("nDCG@1", "nDCG@10", "Recall@10", "effect, served path", "effect, control", "gain")
_errors = Console(stderr=True, highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class _Course:
    """How to drive the service."""

    url: str
    key: str | None
    arms: tuple[Arm, ...]
    together: int
    patience_s: float


def replay(
    folder: Annotated[
        Path,
        typer.Argument(
            help="The data set that the service was loaded with (train rows only, or --hold-out of --last)."
        ),
    ],
    users: Annotated[int, typer.Option(min=1, help="How many users; those the data set names first.")] = 100,
    url: Annotated[str, typer.Option(help="Where the service runs.")] = "http://127.0.0.1:8000",
    key: Annotated[str | None, typer.Option(envvar="LRGD_API_KEY", help="API key with the scope serve.")] = None,
    arm: Annotated[
        list[Arm] | None, typer.Option(help="What to compare the served ranking with on the same events.")
    ] = None,
    last: Annotated[int, typer.Option(min=1, help="Events of a user: of those held out, else the last ones.")] = 2,
    together: Annotated[int, typer.Option(min=1, max=64, help="Users at a time.")] = 8,
    patience: Annotated[float, typer.Option(min=1, help="Seconds to wait for one outcome.")] = 30.0,
    seed: Annotated[int, typer.Option(help="Of the users and candidates that are drawn.")] = 20,
    json: Annotated[Path | None, typer.Option(help="Write all figures and every event here.")] = None,
) -> None:
    """Replays held-out events against a running service: recommend, feedback, outcome, next event."""
    arms = tuple(each for each in dict.fromkeys(arm or [Arm.CONTROL]) if each is not Arm.SERVED)
    course = _Course(url.rstrip("/"), key, arms, together, patience)
    plan = held_out(folder, users=users, last=last, seed=seed)
    if len(plan) < users:
        _errors.print(f"{folder} has {len(plan):,} users to replay, not {users:,}", style="yellow")
    model, replayed = asyncio.run(_drive(course, plan))
    _warn(replayed)
    summaries = _summaries(replayed)
    _print(summaries)
    if json is not None:
        settings = {"data": folder.name, "users": users, "last": last, "seed": seed, "model": model, "arms": list(arms)}
        json.write_bytes(_report(settings, summaries, replayed))
    if replayed.failures or not replayed.turns:
        raise typer.Exit(1)


async def _drive(course: _Course, plan: Sequence[HeldOut]) -> tuple[str, Replayed]:
    """The model that served at the start, and what was seen."""
    headers = {"X-API-Key": course.key} if course.key else {}
    limits = httpx.Limits(max_connections=course.together)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    async with httpx.AsyncClient(base_url=course.url, headers=headers, timeout=TIMEOUT_S, limits=limits) as client:
        service = Service(client, patience_s=course.patience_s)
        model = await service.model()
        with Progress(*columns, console=_errors) as shown:
            task = shown.add_task("users", total=len(plan))
            replayed = await replay_users(
                service, plan, arms=course.arms, together=course.together, tell=lambda: shown.advance(task)
            )
    return model, replayed


def _warn(replayed: Replayed) -> None:
    for standing, count in Counter(replayed.left_out.values()).items():
        _errors.print(f"left out {count:,} users: {standing}", style="yellow")
    for failure, count in Counter(failure.what for failure in replayed.failures).most_common(5):
        _errors.print(f"failed {count:,} times: {failure}", style="red", markup=False)


def _summaries(replayed: Replayed) -> dict[str, Summary]:
    """Of each step, and of all of them."""
    steps = sorted(
        {turn.step for turn in replayed.turns} | {failure.step for failure in replayed.failures if failure.step}
    )
    each = {
        f"event {step}": summarise(
            [turn for turn in replayed.turns if turn.step == step],
            [failure for failure in replayed.failures if failure.step == step],
        )
        for step in steps
    }
    return each | {"all events": summarise(replayed.turns, replayed.failures)}


def _print(summaries: dict[str, Summary]) -> None:
    table = Table("", *summaries, title="replayed: means with 95 % intervals")
    columns = list(summaries.values())
    table.add_row("users", *(f"{column.users:,}" for column in columns))
    for name, title in zip(_ROWS, _TITLES, strict=True):
        table.add_row(title, *(str(getattr(column, name)) for column in columns), end_section=name == "gain")
    for arm in columns[-1].arms:
        found = [column.arms.get(arm) for column in columns]
        table.add_row(f"nDCG@10, {arm}", *("-" if each is None else str(each.ndcg_10) for each in found))
        table.add_row(
            f"served - {arm}",
            *("-" if each is None else str(each.served_less_arm) for each in found),
            end_section=True,
        )
    table.add_row("served a path", *(_share(column.path_share) for column in columns))
    table.add_row("propensity", *(str(column.propensity) for column in columns))
    table.add_row("degraded", *(f"{column.degraded:,}" for column in columns))
    table.add_row("errors", *(f"{column.errors:,}" for column in columns))
    Console().print(table)


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _report(settings: dict[str, object], summaries: dict[str, Summary], replayed: Replayed) -> bytes:
    report = {
        "settings": settings,
        "summaries": {name: asdict(summary) for name, summary in summaries.items()},
        "left_out": replayed.left_out,
        "failures": replayed.failures,
        "events": replayed.turns,
    }
    return orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)
