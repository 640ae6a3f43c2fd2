"""How well the service ranks over HTTP: every user a data set names, stateless, beside the popularity baseline."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx

from app.cli.bench.figures import Figure
from app.cli.bench.workbench import Workbench, loaded
from app.errors import StartupError
from app.evaluation.datasets import EvalUser, read_eval_users, read_interactions
from app.evaluation.measures import Mean, mean, ndcg, recall
from app.evaluation.service import Json, Service, position_of

TOGETHER = 8
TIMEOUT_S = 30.0

Positions = list[float | None]


def run(workbench: Workbench) -> list[Figure]:
    """Both measures of the test items, with history and validation item sent inline."""
    figures: list[Figure] = []
    for folder in workbench.data:
        users = list(read_eval_users(folder))
        with workbench.servers() as settings:
            workbench.say(f"loading and fitting {folder}")
            asyncio.run(loaded(settings, folder))
            with workbench.api(settings) as url:
                workbench.say(f"asking for {len(users):,} users")
                arms = asyncio.run(_asked(url, users))
        arms["popularity"] = _by_popularity(folder, users)
        figures += _figures(folder.name, users, arms)
    return figures


async def _asked(url: str, users: Sequence[EvalUser]) -> dict[str, Positions]:
    """Positions of the test items, as of the newest moment known, and as of the moment of the event."""
    limits = httpx.Limits(max_connections=TOGETHER)
    async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT_S, limits=limits) as client:
        service = Service(client, patience_s=TIMEOUT_S)
        arms = {"service": await asyncio.gather(*(_position(service, user, None) for user in users))}
        if all(user.test_ts is not None for user in users):
            timed = await asyncio.gather(*(_position(service, user, user.test_ts) for user in users))
            arms["service, timed"] = timed
    return {name: list(positions) for name, positions in arms.items()}


async def _position(service: Service, user: EvalUser, at: int | None) -> float | None:
    body: Json = {
        "user_id": user.user_id,
        "history": [*user.history, user.validation_item][-1000:],
        "candidates": user.test_candidates,
        "limit": min(len(user.test_candidates), 100),
        "deadline_ms": 10_000,
    }
    if at is not None:
        body["at"] = datetime.fromtimestamp(at, UTC).isoformat()
    answer = await service.recommend(body)
    if answer["degraded"]:
        raise StartupError(f"an answer was degraded: {', '.join(answer['degraded_reasons'])}")
    return position_of(user.test_item, answer)


def _by_popularity(folder: Path, users: Sequence[EvalUser]) -> Positions:
    """Positions by the number of training rows, ties at their middle."""
    counts = Counter(row.item_id for row in read_interactions(folder, splits={"train"}))
    return [_place(counts, user) for user in users]


def _place(counts: Mapping[str, int], user: EvalUser) -> float:
    mine = counts.get(user.test_item, 0)
    others = [counts.get(item, 0) for item in user.test_candidates if item != user.test_item]
    return 1 + sum(count > mine for count in others) + sum(count == mine for count in others) / 2


def _figures(name: str, users: Sequence[EvalUser], arms: Mapping[str, Positions]) -> list[Figure]:
    later = [user.test_ts is not None and user.test_ts > (user.validation_ts or user.test_ts) for user in users]
    figures = []
    for arm, positions in arms.items():
        figures += _measured(f"{name}: {arm} ({len(users):,} users)", positions)
        if any(later):
            strictly = [position for position, wanted in zip(positions, later, strict=True) if wanted]
            figures += _measured(f"{name}: {arm} ({len(strictly):,} strictly later)", strictly)
    return figures


def _measured(what: str, positions: Positions) -> list[Figure]:
    found = {
        "nDCG@1": mean([ndcg(position, 1) for position in positions]),
        "nDCG@10": mean([ndcg(position, 10) for position in positions]),
        "Recall@10": mean([recall(position, 10) for position in positions]),
    }
    return [Figure(what, each.mean, spread=_margin(each), column=measure) for measure, each in found.items()]


def _margin(each: Mean) -> float | None:
    return None if each.low is None or each.high is None else (each.high - each.low) / 2
