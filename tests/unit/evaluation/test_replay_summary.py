"""What a replay comes to."""

from dataclasses import replace

import pytest

from app.domain.history import HISTORY_LIMIT
from app.evaluation.replay import Arm, Failure, Standing, Turn, standing_of
from app.evaluation.summary import summarise

TURN = Turn(
    user_id="u",
    step=1,
    item_id="i",
    at=1,
    impression_id="x",
    position=1,
    path=2,
    propensity=0.4,
    degraded=False,
    effect=1.0,
    control_effect=0.5,
    gain=0.5,
    others={Arm.CONTROL: 3},
)


def test_a_user_is_asked_only_when_the_history_is_what_was_loaded() -> None:
    assert standing_of(5, 5) is Standing.READY
    assert standing_of(6, 5) is Standing.KNOWN
    assert standing_of(4, 5) is Standing.MISSING
    assert standing_of(HISTORY_LIMIT, HISTORY_LIMIT) is Standing.UNCERTAIN


def test_an_arm_says_which_path_it_pins() -> None:
    assert [arm.path for arm in Arm] == [None, None, 0, 1, 2]


def test_measures_are_taken_over_the_turns() -> None:
    second = replace(TURN, user_id="v", position=None, path=None, propensity=None, gain=None, effect=0.5, degraded=True)
    summary = summarise([TURN, second], [Failure("w", 1, "gone")])
    assert (summary.users, summary.degraded, summary.errors, summary.path_share) == (2, 1, 1, 0.5)
    assert (summary.ndcg_10.mean, summary.recall_10.mean, summary.effect.mean) == (0.5, 0.5, 0.75)
    assert (summary.gain.mean, summary.gain.count, summary.propensity.mean) == (0.5, 1, 0.4)


def test_an_arm_is_compared_on_the_events_that_it_answered() -> None:
    unanswered = replace(TURN, user_id="v", position=None, others={})
    control = summarise([TURN, unanswered], []).arms[Arm.CONTROL]
    assert control.ndcg_10.mean == pytest.approx(0.5)
    assert control.served_less_arm.mean == pytest.approx(0.5)
    assert control.served_less_arm.count == 1


def test_nothing_comes_to_nothing() -> None:
    summary = summarise([], [])
    assert (summary.users, summary.path_share, summary.ndcg_10.mean, summary.arms) == (0, None, None, {})
