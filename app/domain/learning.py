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


def digest(feedback: Feedback) -> int:
    """64 bits that stand for the outcome of this feedback."""
    return int.from_bytes(hashlib.blake2b(feedback.key.encode(), digest_size=8).digest(), "big")


def ranks(impression: Impression, feedback: Feedback) -> bool:
    """True where the feedback names the true one of the impression's candidates, so that there is an effect."""
    return feedback.event.positive and feedback.item in impression.candidates


def judge(
    impression: Impression, feedback: Feedback, control: Ranking | None, replays: Mapping[int, Ranking]
) -> Outcome:
    """The outcome of one piece of feedback.

    `control` is the impression ranked again without a demonstration, `replays` the same under each path's demonstration
    of this moment, all by one ranker: their effects may be compared. Without `control` the outcome has no effect.
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
    served = next((each for each in effects if each.path == impression.path), None)
    return replace(
        outcome,
        effect=served.effect if served else base,
        control_effect=base,
        gain=served.gain if served else None,
        effects=effects,
        served_by=control.served_by,
        model=control.model,
    )


def learn(memory: Memory, impression: Impression, feedback: Feedback, outcome: Outcome) -> Memory:
    """The memory after this outcome: path statistics, replay buffer, history, and the mark that it was learned from."""
    gains = {each.path: each for each in outcome.effects}
    shown_at = feedback.position or int(outcome.position or 1)
    paths = tuple(
        path.observed(
            effect=gains[path.index].effect,
            gain=gains[path.index].gain,
            weight=position_weight(shown_at, served=path.index == impression.path),
        )
        if path.index in gains
        else path
        for path in memory.paths
    )
    learned = replace(memory, paths=paths, history=_extended(memory.history, feedback))
    if ranks(impression, feedback):
        learned = learned.with_replay(replay_event(feedback.item, feedback.occurred_at, impression.candidates))
    return learned.with_applied(digest(feedback))


def _extended(history: History, feedback: Feedback) -> History:
    if feedback.item < 0 or feedback.event is EventKind.SKIP:
        return history
    return history.merged(np.array([(feedback.item, feedback.occurred_at, feedback.event.code)], dtype=EVENT))


def _path_effect(path: int, ranking: Ranking, item: int, base: float) -> PathEffect:
    reached = effect(ranking.position(item))
    return PathEffect(path, reached, reached - base)
