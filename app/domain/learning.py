"""Test, then train: what one piece of feedback says about every path, and what is remembered of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from app.domain.effect import effect, position_weight
from app.domain.history import EVENT, History
from app.domain.impression import Feedback, Impression, Outcome, PathEffect
from app.domain.items import EventKind
from app.domain.memory import Memory, replay_event
from app.domain.ranking import Ranking


def digest(told: Feedback | Outcome) -> int:
    """64 bits that stand for one outcome, or for the feedback that leads to it."""
    return int.from_bytes(hashlib.blake2b(told.key.encode(), digest_size=8).digest(), "big")


def ranks(impression: Impression, feedback: Feedback) -> bool:
    """True where the feedback names the true one of the impression's candidates, so that there is an effect."""
    return feedback.event.positive and feedback.item in impression.candidates


def judge(
    impression: Impression, feedback: Feedback, control: Ranking | None, replays: Mapping[int, Ranking]
) -> Outcome:
    """The outcome of one piece of feedback.

    `control` is the impression ranked again without a demonstration, `replays` the same under each path's demonstration
    of this moment, all by one ranker: their effects may be compared. Without `control` the outcome has no effect.
    A path without a line has no replay and no effect: it would repeat the control's, and a gain of zero says nothing.
    Where no demonstration took part in the served ranking, the outcome's effect is the control's and it has no gain.
    """
    place = impression.candidates.index(feedback.item) + 1 if feedback.item in impression.candidates else None
    outcome = Outcome(
        impression_id=impression.impression_id,
        user_id=impression.user_id,
        item_id=feedback.item_id,
        event=feedback.event,
        at=feedback.occurred_at,
        received_at=feedback.received_at,
        path=impression.path,
        position=place,
        value=feedback.value,
        served_by=impression.served_by,
        model=impression.model,
    )
    if control is None:
        return outcome
    base = effect(control.position(feedback.item))
    effects = tuple(_path_effect(path, ranking, feedback.item, base) for path, ranking in sorted(replays.items()))
    served = next((each for each in effects if each.path == impression.demonstrated), None)
    return replace(
        outcome,
        effect=served.effect if served else base,
        control_effect=base,
        gain=served.gain if served else None,
        effects=effects,
        model=control.model,
    )


def learn(memory: Memory, impression: Impression, feedback: Feedback, outcome: Outcome) -> Memory:
    """The memory after this outcome: path statistics, replay buffer, history, and the mark that it was learned from."""
    counted = recount(memory, impression, outcome, claimed=feedback.position)
    return replace(counted, history=_extended(memory.history, feedback))


def recount(memory: Memory, impression: Impression, outcome: Outcome, *, claimed: int | None = None) -> Memory:
    """All that `learn` does but for the history, so that stored outcomes rebuild what was learned from them.

    `claimed` is the position that the caller says the item was shown at; it is not stored with the outcome.
    """
    effects = {each.path: each for each in outcome.effects}
    paths = tuple(
        path.observed(
            effect=effects[path.index].effect,
            gain=effects[path.index].gain,
            weight=_weight(impression, outcome, claimed, path=path.index),
        )
        if path.index in effects
        else path
        for path in memory.paths
    )
    counted = replace(memory, paths=paths)
    if outcome.position is not None and EventKind(outcome.event).positive:
        item = impression.candidates[int(outcome.position) - 1]
        counted = counted.with_replay(replay_event(item, outcome.at, impression.candidates))
    return counted.with_applied(digest(outcome))


def _weight(impression: Impression, outcome: Outcome, claimed: int | None, *, path: int) -> float:
    """What a path's replayed effect counts (lrgd.md section 5): inverse position propensity, damped for what served.

    The caller's position counts where the answer had such a position. An item beyond those shown was not found through
    this ranking, so its position hid it from nobody and the serving path did not favour it: it counts one for every
    path. A path whose demonstration took no part, as popularity answered, is not damped either.
    """
    place = int(outcome.position or 1)
    if place > impression.shown:
        return 1.0
    at = claimed if claimed is not None and 1 <= claimed <= impression.shown else place
    return position_weight(at, served=path == impression.demonstrated)


def _extended(history: History, feedback: Feedback) -> History:
    if feedback.item < 0 or feedback.event is EventKind.SKIP:
        return history
    return history.merged(np.array([(feedback.item, feedback.occurred_at, feedback.event.code)], dtype=EVENT))


def _path_effect(path: int, ranking: Ranking, item: int, base: float) -> PathEffect:
    reached = effect(ranking.position(item))
    return PathEffect(path, reached, reached - base)
