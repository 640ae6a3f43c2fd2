"""Answering a request: gather, choose candidates and a path, rank, remember the impression."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from app import metrics
from app.domain.impression import Impression, ServedDemonstration, draw_of, new_impression_id
from app.domain.path import Choice, Path, choose_path, pinned_path
from app.domain.ranking import Ranking, Task
from app.errors import NoCandidates, StoreDown
from app.runtime import Model, Runtime
from app.serving import candidates, ladder
from app.serving.answer import Answer, Ignored, ranked_items, shown_demonstration
from app.serving.deadline import in_time
from app.serving.recall import Recalled, recall

RANKED_HISTORY = 20  # [O] newest events that the ranker reads, lrgd.md section 7
LOGGED_CANDIDATES = 100  # of retrieved candidates this many of the best are kept for learning; given ones are all kept


class Ask(NamedTuple):
    """A validated request. `at` and the ids are the caller's; `deadline_ms` counts from `started` (time.monotonic)."""

    user_id: str
    started: float
    now_ms: int
    limit: int = 10
    candidates: Sequence[str] | None = None
    history: Sequence[str] | None = None
    exclude: Sequence[str] = ()
    path: int | None = None
    deadline_ms: int | None = None
    at: int | None = None
    idempotency_key: str | None = None

    @property
    def answer_digest(self) -> str | None:
        """Under what the answer to this Idempotency-Key is kept; keys of different users never meet."""
        if self.idempotency_key is None:
            return None
        return hashlib.sha256(f"{self.user_id}\0{self.idempotency_key}".encode()).hexdigest()


@dataclass(slots=True)
class _Course:
    """One request on its way to an answer."""

    ask: Ask
    model: Model
    impression_id: str
    deadline: float  # time.monotonic()
    reasons: list[str] = field(default_factory=list)
    ignored: list[Ignored] = field(default_factory=list)
    timings_ms: dict[str, float] = field(default_factory=dict)


async def recommend(rt: Runtime, ask: Ask) -> bytes:
    """The JSON answer; always a full list unless nothing is left to rank (NoCandidates)."""
    deadline = ask.started + (ask.deadline_ms or rt.settings.deadline_ms) / 1000
    course = _Course(ask, rt.live.current, new_impression_id(ask.now_ms), deadline)
    if not course.model.fitted:
        course.reasons.append("not_fitted")
    recalled, earlier = await _gather(rt, course)
    if earlier is not None:
        return earlier
    choice = _choose(recalled.paths, course)
    task = _task(course, recalled, choice)
    begun = time.monotonic()
    ranker, ranking = ladder.rank(course.model, task, deadline=deadline, reasons=course.reasons)
    best = ranking.candidates[ranking.order[: ask.limit]].tolist()
    reasons = ranker.explain(task, ranking, best)
    course.timings_ms["rank"] = _ms(begun)
    answer = Answer(
        impression_id=course.impression_id,
        user_id=ask.user_id,
        items=ranked_items(course.model, ranking, reasons),
        served_by=ranking.served_by,
        model=ranking.model,
        ignored=course.ignored,
        degraded_reasons=course.reasons,
        timings_ms=course.timings_ms,
    )
    if choice is not None:
        answer.path, answer.propensity = choice.path.index, choice.propensity
        answer.demonstration = shown_demonstration(course.model, choice.path.demonstration)
    impression = _impression(course, task, ranking, recalled.paths, choice, len(best))
    return await _record(rt, course, impression, answer)


async def _gather(rt: Runtime, course: _Course) -> tuple[Recalled, bytes | None]:
    ask = course.ask
    begun = time.monotonic()
    recalled, earlier = await recall(
        rt,
        ask.user_id,
        inline=ask.history is not None,
        answer=ask.answer_digest,
        deadline=course.deadline,
        reasons=course.reasons,
    )
    course.timings_ms["memory"] = _ms(begun)
    return recalled, earlier


def _choose(paths: Sequence[Path], course: _Course) -> Choice | None:
    if not paths:
        return None
    if course.ask.path is not None:
        return pinned_path(paths, course.ask.path)
    return choose_path(paths, draw_of(course.impression_id))


def _task(course: _Course, recalled: Recalled, choice: Choice | None) -> Task:
    ask, space = course.ask, course.model.space
    demonstration = choice.path.demonstration if choice else None
    if ask.history is not None:
        course.ignored += [Ignored(each, "unknown") for each in ask.history if each not in space.row_of_id]
        history = candidates.numbers_of(space, ask.history)
    else:
        history = recalled.history.wanted(RANKED_HISTORY)
    if ask.candidates is not None:
        numbers, ignored = candidates.given(space, ask.candidates, exclude=ask.exclude)
        course.ignored += ignored
    else:
        seen = recalled.history.seen() if ask.history is None else history
        leave_out = np.concatenate([seen, candidates.numbers_of(space, ask.exclude)])
        numbers = candidates.retrieved(
            course.model, history=history, leave_out=leave_out, demonstration=demonstration, limit=ask.limit
        )
    if not len(numbers):
        raise NoCandidates("no known item is left to rank after leaving out what was seen, excluded or unknown")
    return Task(numbers, history[-RANKED_HISTORY:], demonstration, ask.at)


def _impression(
    course: _Course, task: Task, ranking: Ranking, paths: Sequence[Path], choice: Choice | None, shown: int
) -> Impression:
    keep = len(task.candidates) if course.ask.candidates is not None else LOGGED_CANDIDATES
    ordered = ranking.candidates[ranking.order[: max(keep, shown)]]
    held = tuple(
        ServedDemonstration(path.index, path.demonstration.demonstration_id, path.demonstration.version)
        for path in paths
    )
    return Impression(
        impression_id=course.impression_id,
        user_id=course.ask.user_id,
        candidates=tuple(ordered.tolist()),
        shown=shown,
        history=tuple(task.history.tolist()),
        served_by=ranking.served_by,
        model=ranking.model,
        path=choice.path.index if choice else None,
        propensity=choice.propensity if choice else None,
        demonstrations=held,
        degraded_reasons=tuple(course.reasons),
        at=course.ask.at,
    )


async def _record(rt: Runtime, course: _Course, impression: Impression, answer: Answer) -> bytes:
    """The body to send: this answer, or the one that a concurrent request with the same Idempotency-Key gave."""
    digest = course.ask.answer_digest
    kept = None
    if digest is not None:
        course.timings_ms["total"] = _ms(course.ask.started)
        kept = (digest, answer.packed())
    try:
        earlier = await in_time(
            rt.streams.serve(impression, answer=kept), course.deadline, patience_ms=rt.settings.redis_timeout_ms
        )
        if earlier is not None:
            return earlier
    except (StoreDown, TimeoutError):
        course.reasons.append("impression_not_recorded")
        kept = None
    if kept is None:
        course.timings_ms["total"] = _ms(course.ask.started)
    _count(answer)
    return answer.packed() if kept is None else kept[1]  # what is sent is what a repeat gets


def _count(answer: Answer) -> None:
    metrics.measure_recommendation(answer.served_by, answer.path, answer.timings_ms["total"] / 1000)
    for reason in answer.degraded_reasons:
        metrics.DEGRADED.labels(reason).inc()


def _ms(begun: float) -> float:
    return round((time.monotonic() - begun) * 1000, 3)
