"""What is known of a user, and forgetting it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request

import app.api.paths  # noqa: F401 - teaches Starlette the kind "id"
from app.api.examples import ERASURE, OUTCOME, PATHS, ROUND
from app.api.problems import documented, example
from app.api.schemas import Id
from app.api.views import ErasureView, EstimateView, OutcomeView, PathsView, PathView, RoundView
from app.domain.impression import Outcome
from app.domain.memory import Memory
from app.domain.path import Estimate
from app.domain.round import DraftedDemonstration, Round
from app.errors import UnknownUser
from app.runtime import Model, Runtime

router = APIRouter(prefix="/users", tags=["users"])
Limit = Annotated[int, Query(ge=1, le=1000)]
_ERRORS = documented(401, 403, 404, 422, 429, 503)


@router.get("/{user_id:id}/paths", responses=example(PATHS) | _ERRORS)
async def get_paths(request: Request, user_id: Id) -> PathsView:
    """The user's k paths: lines, version, effect with interval, rounds, state."""
    runtime: Runtime = request.app.state.runtime
    memory = (await runtime.memory.load([user_id])).get(user_id)
    if memory is not None:
        return _paths(user_id, memory, runtime.live.current)
    history = await runtime.catalogue.history(user_id, limit=1)
    if not len(history):
        raise UnknownUser(f"nothing is known of user {user_id}")
    await runtime.streams.rebuild([user_id])
    return PathsView(user_id=user_id, version=0, events=0, building=True, paths=[])


@router.get("/{user_id:id}/rounds", responses=example([ROUND]) | _ERRORS)
async def get_rounds(request: Request, user_id: Id, limit: Limit = 100) -> list[RoundView]:
    """The lineage of the user's demonstrations, newest first."""
    runtime: Runtime = request.app.state.runtime
    rounds = await runtime.outcomes.user_rounds(user_id, limit=limit)
    drafted = await runtime.outcomes.user_demonstrations(user_id, limit=limit)
    demonstrations = {each.demonstration_id: each for each in drafted}
    return [_round(each, demonstrations.get(each.demonstration_id)) for each in rounds]


@router.get("/{user_id:id}/outcomes", responses=example([OUTCOME]) | _ERRORS)
async def get_outcomes(request: Request, user_id: Id, limit: Limit = 100) -> list[OutcomeView]:
    """What came of the user's impressions, newest first."""
    runtime: Runtime = request.app.state.runtime
    return [_outcome(each) for each in await runtime.outcomes.user_outcomes(user_id, limit=limit)]


@router.delete("/{user_id:id}", status_code=202, responses=example(ERASURE, status=202) | _ERRORS)
async def delete_user(request: Request, user_id: Id) -> ErasureView:
    """Erases everything that is kept of a user."""
    runtime: Runtime = request.app.state.runtime
    await runtime.memory.erase(user_id)
    await runtime.streams.erase(user_id)  # after the tombstone: what is on its way must not follow the erasure
    return ErasureView(user_id=user_id, status="accepted")


def _paths(user_id: str, memory: Memory, model: Model) -> PathsView:
    archived = {index: len(archive) for index, archive in enumerate(memory.archives)}
    return PathsView(
        user_id=user_id,
        version=memory.version,
        events=len(memory.history),
        building=False,
        paths=[
            PathView(
                path=path.index,
                perspective=path.perspective,
                state=path.state,
                demonstration_id=path.demonstration.demonstration_id,
                version=path.demonstration.version,
                lines=path.demonstration.in_words(model.title),
                line_count=len(path.demonstration),
                effect=_estimate(path.statistics.effect_estimate()),
                gain=_estimate(path.statistics.gain_estimate()),
                rounds=path.statistics.rounds,
                archived=archived.get(path.index, 0),
            )
            for path in memory.paths
        ],
    )


def _round(turn: Round, drafted: DraftedDemonstration | None) -> RoundView:
    return RoundView(
        path=turn.path,
        round=turn.round,
        demonstration_id=turn.demonstration_id,
        parent_id=drafted.parent_id if drafted else None,
        version=drafted.version if drafted else None,
        perspective=drafted.perspective if drafted else None,
        reason=turn.reason,
        accepted=turn.accepted,
        effect=turn.effect,
        control_effect=turn.control_effect,
        gain=turn.gain,
        similarity=turn.similarity,
        lines=list(drafted.words) if drafted else [],
        at=datetime.fromtimestamp(turn.at, UTC),
    )


def _outcome(outcome: Outcome) -> OutcomeView:
    return OutcomeView(
        impression_id=outcome.impression_id,
        item_id=outcome.item_id or None,
        event=outcome.event,
        effect=outcome.effect,
        control_effect=outcome.control_effect,
        gain=outcome.gain,
        path=outcome.path,
        position=outcome.position,
        served_by=outcome.served_by,
        model=outcome.model,
        at=datetime.fromtimestamp(outcome.at, UTC),
    )


def _estimate(estimate: Estimate) -> EstimateView:
    return EstimateView(mean=estimate.mean, low=estimate.low, high=estimate.high)
