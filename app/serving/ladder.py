"""The rungs of rankers: the best one that can answer in time does."""

from __future__ import annotations

import time

from app.domain.ranking import Ranking, Task
from app.log import get_logger
from app.runtime import Model, Ranker

_log = get_logger(__name__)


def rank(model: Model, task: Task, *, deadline: float, reasons: list[str]) -> tuple[Ranker, Ranking]:
    """The ranking of the first rung that succeeds; adds to `reasons` why a better one did not.

    `deadline` is a time.monotonic() value. Past it only the last rung is tried, which costs one look-up per
    candidate; an error of the last rung is a defect of ours and is raised.
    """
    *better, last = model.rankers
    if better and time.monotonic() >= deadline:
        reasons.append("deadline")
        better = []
    for ranker in better:
        try:
            return ranker, ranker.rank(task)
        except Exception as error:  # noqa: BLE001 - a defect of one rung must not cost the answer
            _log.exception("ranker_failed", ranker=ranker.name, error=repr(error))
            reasons.append(f"{ranker.name}_failed")
    return last, last.rank(task)
