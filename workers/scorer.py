"""Feedback in, outcomes out: every path is replayed on what was served, and the memory learns from it."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from app import metrics
from app.domain import learning
from app.domain.impression import Feedback, Impression, Outcome
from app.domain.items import EventKind, Interaction
from app.domain.learned import Learned
from app.domain.memory import Memory
from app.domain.ranking import Ranking, Task
from app.errors import UnknownImpression
from app.runtime import Model, Runtime
from app.serving.rebuild import filled_in, rebuilt
from app.stores import messages
from app.stores.memory import Save, Saved
from workers.entry import Entry

CONFLICT_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class _Arrived:
    """One piece of feedback with its impression, and when it came in."""

    feedback: Feedback
    impression: Impression
    added_ms: int


@dataclass(frozen=True, slots=True)
class _Turn:
    """What was learned of one user, to be saved, and the outcomes that count once it is."""

    save: Save
    outcomes: tuple[Outcome, ...]


async def score(rt: Runtime, entries: Sequence[Entry]) -> None:
    """Learns from a batch of feedback, each user's in order of arrival: one read and one save for all of them."""
    waiting = await _by_user(rt, entries)
    for _ in range(CONFLICT_ATTEMPTS):
        if not waiting:
            return
        memories = await rt.memory.load(list(waiting))
        turns = [await _learned(rt, user, memories.get(user), turn) for user, turn in waiting.items()]
        results = dict(zip(waiting, await rt.memory.save([each.save for each in turns]), strict=True))
        for turn in turns:
            if results[turn.save.user_id] is Saved.DONE:
                _count(turn.outcomes)
        waiting = await _left(rt, waiting, results)
    if waiting:
        raise RuntimeError(f"the memories of {len(waiting)} users kept changing under the scorer")


async def _by_user(rt: Runtime, entries: Sequence[Entry]) -> dict[str, list[_Arrived]]:
    arrived = [(messages.unpack(Feedback, entry.body), entry.added_ms) for entry in entries]
    impressions = await _impressions(rt, {feedback.impression_id for feedback, _ in arrived})
    numbers = await _numbers(rt, {feedback.item_id for feedback, _ in arrived if feedback.item < 0})
    turns: dict[str, list[_Arrived]] = {}
    for feedback, added_ms in arrived:
        impression = impressions.get(feedback.impression_id)
        if impression is None:
            raise UnknownImpression(f"impression {feedback.impression_id} is in neither Redis nor PostgreSQL")
        known = replace(feedback, item=numbers.get(feedback.item_id, -1)) if feedback.item < 0 else feedback
        turns.setdefault(feedback.user_id, []).append(_Arrived(known, impression, added_ms))
    return turns


async def _impressions(rt: Runtime, wanted: Collection[str]) -> dict[str, Impression]:
    """The impressions with these ids: from Redis, or from PostgreSQL once their window is over."""
    ids = sorted(wanted)
    found = await rt.streams.impressions(ids)
    if late := [each for each in ids if each not in found]:
        found |= {each.impression_id: each for each in await rt.outcomes.impressions(late)}
    return found


async def _numbers(rt: Runtime, item_ids: Collection[str]) -> Mapping[str, int]:
    """Numbers of items that were too new for the API process that took the feedback."""
    return await rt.catalogue.numbers(sorted(item_ids)) if item_ids else {}


async def _learned(rt: Runtime, user_id: str, memory: Memory | None, turn: Sequence[_Arrived]) -> _Turn:
    """The memory after this turn, with everything the recorder has to know of it.

    What its paths lack is drafted after the turn was learned from: a draft is never tested on what it was made of.
    """
    model, now_s = rt.live.current, int(time.time())
    learned: list[Learned] = []
    outcomes: list[Outcome] = []
    if memory is None:
        memory, learned = await rebuilt(rt, user_id, None, now_s=now_s)
    for arrived in turn:
        if memory.has_applied(learning.digest(arrived.feedback)):
            continue  # redelivered: its outcome was published with the save that applied it
        outcome = _outcome(model, memory, arrived)
        memory = learning.learn(memory, arrived.impression, arrived.feedback, outcome)
        learned.append(Learned(user_id, outcome=outcome, interaction=_interaction(arrived.feedback)))
        outcomes.append(outcome)
    memory, drafted = filled_in(model, user_id, memory, now_s=now_s)
    packed = tuple(messages.pack(each) for each in (*learned, *drafted))
    save = Save(user_id, memory.settled(len(turn)), min(arrived.added_ms for arrived in turn), packed)
    return _Turn(save, tuple(outcomes))


def _outcome(model: Model, memory: Memory, arrived: _Arrived) -> Outcome:
    impression, feedback = arrived.impression, arrived.feedback
    control: Ranking | None = None
    replays: dict[int, Ranking] = {}
    if learning.ranks(impression, feedback):
        candidates = np.array(impression.candidates, dtype=np.int32)
        candidates = candidates[model.space.rows(candidates) >= 0]  # some may have left the catalogue since
        if feedback.item in candidates:
            task = Task(candidates, np.array(impression.history, dtype=np.int32), None, impression.at)
            spoken = [path for path in memory.paths if len(path.demonstration)]  # the others equal the control
            control, *others = model.rankers[0].replay(task, [None, *(path.demonstration for path in spoken)])
            replays = {path.index: ranking for path, ranking in zip(spoken, others, strict=True)}
    return learning.judge(impression, feedback, control, replays)


def _interaction(feedback: Feedback) -> Interaction | None:
    if feedback.item < 0 or feedback.event is EventKind.SKIP:
        return None
    return Interaction(feedback.user_id, feedback.item, feedback.occurred_at, feedback.event)


async def _left(
    rt: Runtime, turns: Mapping[str, list[_Arrived]], results: Mapping[str, Saved]
) -> dict[str, list[_Arrived]]:
    """What is still to be learned: turns whose memory moved on, and what came after a user's erasure."""
    left = {user: turn for user, turn in turns.items() if results[user] is Saved.CONFLICT}
    metrics.MEMORY_CONFLICTS.inc(len(left))
    erased = [user for user, result in results.items() if result is Saved.ERASED]
    marks = await rt.memory.erased_since(erased) if erased else {}
    for user in erased:
        later = [arrived for arrived in turns[user] if arrived.added_ms > marks.get(user, 0)]
        if later:
            left[user] = later
    return left


def _count(outcomes: Sequence[Outcome]) -> None:
    """Counts what was learned and saved: nothing that a conflict or an erasure threw away."""
    for outcome in outcomes:
        metrics.OUTCOMES.labels(outcome.event).inc()
        if outcome.control_effect is not None:
            metrics.EFFECT.labels("control").observe(outcome.control_effect)
        for each in outcome.effects:
            metrics.EFFECT.labels(str(each.path)).observe(each.effect)
            metrics.GAIN.labels(str(each.path)).observe(each.gain)
