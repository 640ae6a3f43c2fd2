"""Drives the running service with real events: ask, tell what was chosen, wait for what was learned, go on.

Every event is asked for before the service hears of it, so what it learned from earlier events is tested on later ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

import httpx

from app.domain.history import HISTORY_LIMIT
from app.errors import StartupError
from app.evaluation.held_out import Event, HeldOut
from app.evaluation.service import Json, Service, position_of

MOST_RETURNED = 100  # items that one request may ask for
STATELESS_USER = "replay-control"  # asked with the history inline: no real user's record is touched


class Arm(StrEnum):
    """Who answers: the service as it chooses, no demonstration at all, or one pinned path."""

    SERVED = "served"
    CONTROL = "control"
    PATH_0 = "path-0"
    PATH_1 = "path-1"
    PATH_2 = "path-2"

    @property
    def path(self) -> int | None:
        """The path that this arm pins."""
        return int(self[-1]) if self.startswith("path-") else None


class Standing(StrEnum):
    """How a user's stored history compares with what the data say was loaded."""

    READY = "ready"
    KNOWN = (
        "the service knows events that are about to be asked: loaded with all splits, with --hold-out below --last"
        " (data without splits), or replayed before"
    )
    MISSING = (
        "the service knows fewer events than were held in: it was not loaded with this data, or with --hold-out above"
        " --last (data without splits)"
    )
    UNCERTAIN = "the history is at the service's limit, so it cannot be told whether the events are in it"


@dataclass(frozen=True, slots=True)
class Turn:
    """One event that was asked for and learned from; positions are 1-based, None where the item was not returned."""

    user_id: str
    step: int  # 1-based
    item_id: str
    at: int
    impression_id: str
    position: int | None
    path: int | None
    propensity: float | None
    degraded: bool
    effect: float | None
    control_effect: float | None
    gain: float | None
    others: Mapping[str, int | None] = field(default_factory=dict)  # positions under the other arms that answered


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that failed; the rest of its user's events were not asked."""

    user_id: str
    step: int  # 0: before the first event
    what: str


@dataclass(slots=True)
class Replayed:
    """Everything that a replay saw."""

    turns: list[Turn] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    left_out: dict[str, Standing] = field(default_factory=dict)


async def replay_users(
    service: Service,
    users: Sequence[HeldOut],
    *,
    arms: Sequence[Arm] = (Arm.CONTROL,),
    together: int = 8,
    tell: Callable[[], None] = lambda: None,
) -> Replayed:
    """What came of every event of these users, each user's strictly in order, `together` users at a time."""
    replayed = Replayed()
    turn = asyncio.Semaphore(together)

    async def one(user: HeldOut) -> None:
        async with turn:
            await _replay_user(service, user, arms, replayed)
            tell()

    try:
        async with asyncio.TaskGroup() as group:
            for user in users:
                group.create_task(one(user))
    except* StartupError as errors:
        raise errors.exceptions[0] from None
    order = {user.user_id: place for place, user in enumerate(users)}
    replayed.turns.sort(key=lambda each: (order[each.user_id], each.step))
    return replayed


async def _replay_user(service: Service, user: HeldOut, arms: Sequence[Arm], replayed: Replayed) -> None:
    step = 0
    try:
        standing = standing_of(await service.stored_events(user.user_id), user.stored)
        if standing is not Standing.READY:
            replayed.left_out[user.user_id] = standing
            return
        before = list(user.history)
        for step, event in enumerate(user.events, start=1):
            replayed.turns.append(await _turn(service, user.user_id, step, event, before, arms))
            before.append(event.item_id)
    except httpx.HTTPError as error:
        replayed.failures.append(Failure(user.user_id, step, f"{type(error).__name__}: {error}"))


def standing_of(known: int, expected: int) -> Standing:
    """Whether a user with this many stored events can be asked honestly."""
    if expected >= HISTORY_LIMIT:
        return Standing.UNCERTAIN
    if known == expected:
        return Standing.READY
    return Standing.KNOWN if known > expected else Standing.MISSING


async def _turn(
    service: Service, user_id: str, step: int, event: Event, before: Sequence[str], arms: Sequence[Arm]
) -> Turn:
    moment = datetime.fromtimestamp(event.at, UTC).isoformat()
    ask: Json = {"candidates": event.candidates, "limit": min(len(event.candidates), MOST_RETURNED), "at": moment}
    others: dict[str, int | None] = {}
    for arm in arms:
        answer = await service.recommend(_asked(arm, user_id, ask, before))
        if answer["path"] == arm.path:  # a user without paths has nothing to pin
            others[arm] = position_of(event.item_id, answer)
    served = await service.recommend(ask | {"user_id": user_id})
    position = position_of(event.item_id, served)
    told = {"impression_id": served["impression_id"], "item_id": event.item_id, "event": "purchase"}
    await service.feedback(told | {"occurred_at": moment, "position": position})
    outcome = await service.outcome(user_id, served["impression_id"])
    return Turn(
        user_id=user_id,
        step=step,
        item_id=event.item_id,
        at=event.at,
        impression_id=served["impression_id"],
        position=position,
        path=served["path"],
        propensity=served["propensity"],
        degraded=served["degraded"],
        effect=outcome["effect"],
        control_effect=outcome["control_effect"],
        gain=outcome["gain"],
        others=others,
    )


def _asked(arm: Arm, user_id: str, ask: Json, before: Sequence[str]) -> Json:
    if arm is Arm.CONTROL:
        return ask | {"user_id": STATELESS_USER, "history": before[-HISTORY_LIMIT:]}
    return ask | {"user_id": user_id, "path": arm.path}
