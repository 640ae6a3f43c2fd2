"""Building a user's memory from PostgreSQL, and drafting what its paths lack."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app import metrics
from app.domain import learning
from app.domain.demonstration import Demonstration, make_lines
from app.domain.history import HISTORY_LIMIT, History
from app.domain.learned import Learned
from app.domain.memory import Memory
from app.domain.path import ARCHIVE_LIMIT, Archived, Path, Perspective, Statistics
from app.domain.round import DraftedDemonstration, Round
from app.runtime import Drafter, Model, Runtime

FIRST_DRAFT = "first_draft"
FILLED_IN = "filled_in"  # the path's demonstration had no line, and by now there is something to draft from
DEMONSTRATIONS = 100  # newest ones looked at, to find the latest of each path
OUTCOMES = 200  # newest ones counted again: with a decay of 0.98 what came before weighs nothing


class _Draft(NamedTuple):
    """A path with a new demonstration, and the id of the one without a line that it takes the place of."""

    path: Path
    parent_id: str | None


async def rebuilt(rt: Runtime, user_id: str, existing: Memory | None, *, now_s: int) -> tuple[Memory, list[Learned]]:
    """A memory with the history of PostgreSQL merged in, and with a demonstration for each path.

    What an existing memory has learned is kept, so that building it twice does no harm; a lost one is put together
    again from what was recorded of it. With it come the demonstrations drafted now, to be recorded when the memory is
    saved.
    """
    stored = await rt.catalogue.history(user_id, limit=HISTORY_LIMIT)
    if existing is None:
        memory = await _recovered(rt, user_id, stored)
        metrics.MEMORIES_BUILT.inc()
    else:
        memory = replace(existing, history=existing.history.merged(stored.events))
    return filled_in(rt.live.current, user_id, memory, now_s=now_s)


def filled_in(model: Model, user_id: str, memory: Memory, *, now_s: int) -> tuple[Memory, list[Learned]]:
    """The memory with a draft of each path that is missing, and of each without a line once there is a positive event.

    Costs next to nothing where nothing is missing. A path's own history is drafted from, never another path
    [independence]. While there is no fitted log to draft from, the memory stays as it is.
    """
    drafts = _drafts(model.drafter, user_id, memory, now_s=now_s) if model.drafter is not None else []
    if not drafts:
        return memory, []
    paths = {path.index: path for path in memory.paths}
    archives = {path.index: archive for path, archive in zip(memory.paths, memory.archives, strict=False)}
    for path, _ in drafts:
        spoken = [each for each in archives.get(path.index, ()) if len(each.demonstration)]
        paths[path.index] = path
        archives[path.index] = (*spoken, Archived(path.demonstration, Statistics()))[-ARCHIVE_LIMIT:]
    order = sorted(paths)
    filled = replace(
        memory,
        paths=tuple(paths[index] for index in order),
        archives=tuple(archives.get(index, ()) for index in order),
    )
    return filled, [_recorded(model, user_id, drafts, now_s=now_s)]


def first_paths(model: Model, user_id: str, history: History, *, now_s: int) -> tuple[Path, ...]:
    """One path for each perspective, drafted independently; no paths while there is no fitted log to draft from."""
    return filled_in(model, user_id, Memory(0, history, ()), now_s=now_s)[0].paths


def _drafts(drafter: Drafter, user_id: str, memory: Memory, *, now_s: int) -> list[_Draft]:
    held = {path.index: path for path in memory.paths}
    telling = len(memory.history.wanted(1)) > 0
    drafts = []
    for index, perspective in enumerate(Perspective):
        path = held.get(index)
        if path is not None and (len(path.demonstration) or not telling):
            continue
        lines = drafter.draft(perspective, user_id=user_id, history=memory.history, now=now_s)
        if path is None:
            drafts.append(_Draft(Path(index, perspective, Demonstration(str(uuid.uuid4()), 1, lines)), None))
        elif len(lines):
            shown = Demonstration(str(uuid.uuid4()), path.demonstration.version + 1, lines)
            drafts.append(_Draft(Path(index, path.perspective, shown), path.demonstration.demonstration_id))
    return drafts


def _recorded(model: Model, user_id: str, drafts: Sequence[_Draft], *, now_s: int) -> Learned:
    """The message that records these drafts, each with its round."""
    drafted = tuple(
        DraftedDemonstration(
            demonstration_id=path.demonstration.demonstration_id,
            user_id=user_id,
            path=path.index,
            version=path.demonstration.version,
            perspective=path.perspective,
            lines=_rows(path.demonstration.lines),
            words=tuple(path.demonstration.in_words(model.title)),
            created_at=now_s,
            parent_id=parent_id,
        )
        for path, parent_id in drafts
    )
    rounds = tuple(
        Round(
            user_id=user_id,
            path=each.path,
            round=each.version - 1,
            demonstration_id=each.demonstration_id,
            reason=FIRST_DRAFT if each.parent_id is None else FILLED_IN,
            accepted=True,
            at=now_s,
        )
        for each in drafted
    )
    return Learned(user_id, demonstrations=drafted, rounds=rounds)


async def _recovered(rt: Runtime, user_id: str, history: History) -> Memory:
    """What PostgreSQL knows of a lost memory: the latest demonstration of each path, and what outcomes say of them.

    The outcomes are counted again as they were learned from, in the order in which they came in, and marked as applied.
    Lost are the position that a caller claimed, whatever lies beyond the newest OUTCOMES, and the effect of an outcome
    whose impression is no longer there; what the recorder has not written yet is not known either.
    """
    drafted = await rt.outcomes.user_demonstrations(user_id, limit=DEMONSTRATIONS)
    if not drafted:
        return Memory(0, history, ())
    paths = _latest(drafted)
    memory = Memory(0, history, paths, tuple(_archive(drafted, path) for path in paths))
    told = await rt.outcomes.user_outcomes(user_id, limit=OUTCOMES, silent=False)
    found = await rt.outcomes.impressions(sorted({each.impression_id for each in told}))
    impressions = {each.impression_id: each for each in found}
    for outcome in sorted(told, key=lambda each: (each.received_at, each.impression_id)):
        impression = impressions.get(outcome.impression_id)
        if impression is None:
            memory = memory.with_applied(learning.digest(outcome))
        else:
            memory = learning.recount(memory, impression, outcome)
    return memory


def _latest(drafted: Sequence[DraftedDemonstration]) -> tuple[Path, ...]:
    """The paths with the newest of these demonstrations, which stand newest first."""
    latest: dict[int, DraftedDemonstration] = {}
    for each in drafted:
        latest.setdefault(each.path, each)
    return tuple(Path(index, each.perspective, _demonstration(each)) for index, each in sorted(latest.items()))


def _archive(drafted: Sequence[DraftedDemonstration], path: Path) -> tuple[Archived, ...]:
    """The path's newest demonstrations that have lines, oldest first; what they reached is not recorded."""
    spoken = [each for each in drafted if each.path == path.index and each.lines]
    return tuple(Archived(_demonstration(each), Statistics()) for each in reversed(spoken[:ARCHIVE_LIMIT]))


def _demonstration(drafted: DraftedDemonstration) -> Demonstration:
    return Demonstration(drafted.demonstration_id, drafted.version, make_lines(drafted.lines))


def _rows(lines: NDArray[np.void]) -> tuple[tuple[int, int, float, int], ...]:
    return tuple(
        (int(line["sample"]), int(line["label"]), float(line["weight"]), int(line["born_at"])) for line in lines
    )
