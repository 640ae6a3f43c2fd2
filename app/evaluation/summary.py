"""What a replay comes to: the measures of its turns, each with its interval and beside its control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.evaluation.measures import Mean, mean, ndcg, paired, recall
from app.evaluation.replay import Failure, Turn


@dataclass(frozen=True, slots=True)
class Comparison:
    """Another arm on the events that it answered, and what the served ranking had over it there (nDCG@10)."""

    ndcg_10: Mean
    served_less_arm: Mean


@dataclass(frozen=True, slots=True)
class Summary:
    """Measures of some turns; effects and gains are the service's own, from the replay of its paths on the event."""

    users: int
    ndcg_1: Mean
    ndcg_10: Mean
    recall_10: Mean
    effect: Mean
    control_effect: Mean
    gain: Mean
    path_share: float | None
    propensity: Mean
    degraded: int
    errors: int
    arms: dict[str, Comparison]


def summarise(turns: Sequence[Turn], failures: Sequence[Failure]) -> Summary:
    """The measures of these turns."""
    positions = [turn.position for turn in turns]
    arms = sorted({arm for turn in turns for arm in turn.others})
    return Summary(
        users=len({turn.user_id for turn in turns}),
        ndcg_1=mean([ndcg(position, 1) for position in positions]),
        ndcg_10=mean([ndcg(position, 10) for position in positions]),
        recall_10=mean([recall(position, 10) for position in positions]),
        effect=mean([turn.effect for turn in turns if turn.effect is not None]),
        control_effect=mean([turn.control_effect for turn in turns if turn.control_effect is not None]),
        gain=mean([turn.gain for turn in turns if turn.gain is not None]),
        path_share=sum(turn.path is not None for turn in turns) / len(turns) if turns else None,
        propensity=mean([turn.propensity for turn in turns if turn.propensity is not None]),
        degraded=sum(turn.degraded for turn in turns),
        errors=len(failures),
        arms={arm: _comparison(turns, arm) for arm in arms},
    )


def _comparison(turns: Sequence[Turn], arm: str) -> Comparison:
    answered = [turn for turn in turns if arm in turn.others]
    theirs = [ndcg(turn.others[arm], 10) for turn in answered]
    return Comparison(mean(theirs), paired([ndcg(turn.position, 10) for turn in answered], theirs))
