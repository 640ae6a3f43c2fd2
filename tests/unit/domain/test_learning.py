"""Test, then train: what one piece of feedback changes in a memory."""

from __future__ import annotations

import uuid
from dataclasses import replace

import numpy as np
import pytest

from app.domain import learning
from app.domain.demonstration import Demonstration, make_lines
from app.domain.effect import SERVING_FACTOR, effect
from app.domain.history import History
from app.domain.impression import Feedback, Impression, Outcome, new_impression_id
from app.domain.items import EventKind
from app.domain.memory import APPLIED_LIMIT, REPLAY_CANDIDATES, REPLAY_LIMIT, Memory, replay_event
from app.domain.path import Path, PathState, Perspective
from app.domain.ranking import Ranking

CANDIDATES = (10, 11, 12, 13)
SERVED = Impression(new_impression_id(1_700_000_000_000), "u", CANDIDATES, 4, (1, 2), "dual", "v1", path=1)
BOUGHT = Feedback(SERVED.impression_id, "u", "c", 12, EventKind.PURCHASE, 1000, 1001)


def memory() -> Memory:
    empty = make_lines([])
    paths = tuple(Path(i, each, Demonstration(str(uuid.uuid4()), 1, empty)) for i, each in enumerate(Perspective))
    return Memory(3, History.empty(), paths)


def ranked(*best_first: int) -> Ranking:
    scores = [float(-best_first.index(number)) for number in CANDIDATES]
    return Ranking(np.array(CANDIDATES, dtype=np.int32), np.array(scores, dtype=np.float32), "dual", "v2")


CONTROL = ranked(10, 11, 12, 13)  # the bought one stands third
REPLAYS = {0: ranked(12, 10, 11, 13), 1: ranked(10, 12, 11, 13), 2: ranked(10, 11, 13, 12)}


def judged(feedback: Feedback = BOUGHT) -> Outcome:
    return learning.judge(SERVED, feedback, CONTROL, REPLAYS)


def test_every_path_is_compared_with_the_control() -> None:
    outcome = judged()
    assert outcome.control_effect == effect(3)
    assert [each.effect for each in outcome.effects] == [effect(1), effect(2), effect(4)]
    assert [each.gain for each in outcome.effects] == [effect(p) - effect(3) for p in (1, 2, 4)]
    assert (outcome.path, outcome.effect, outcome.gain) == (1, effect(2), effect(2) - effect(3))
    assert (outcome.served_by, outcome.model, outcome.position) == ("dual", "v2", 3)


def test_without_a_path_the_effect_is_the_controls() -> None:
    outcome = learning.judge(replace(SERVED, path=None), BOUGHT, CONTROL, {})
    assert (outcome.effect, outcome.control_effect, outcome.gain, outcome.effects) == (effect(3), effect(3), None, ())


def test_without_a_replay_there_is_no_effect() -> None:
    outcome = learning.judge(SERVED, BOUGHT, None, {})
    assert (outcome.effect, outcome.control_effect, outcome.gain) == (None, None, None)
    assert (outcome.served_by, outcome.model, outcome.position) == ("dual", "v1", 3)


@pytest.mark.parametrize("event", [EventKind.SKIP, EventKind.DISLIKE])
def test_negative_events_rank_nothing(event: EventKind) -> None:
    assert not learning.ranks(SERVED, replace(BOUGHT, event=event))


@pytest.mark.parametrize("item", [-1, 99])
def test_items_outside_the_impression_rank_nothing(item: int) -> None:
    stranger = replace(BOUGHT, item=item, item_id="z")
    assert not learning.ranks(SERVED, stranger)
    assert learning.judge(SERVED, stranger, None, {}).position is None


def test_testing_comes_before_training() -> None:
    """The outcome is of the memory as it was; only what comes after sees the event."""
    before = memory()
    outcome = judged()
    after = learning.learn(before, SERVED, BOUGHT, outcome)
    assert before == replace(before)
    assert [path.statistics.rounds for path in before.paths] == [0, 0, 0]
    assert [path.statistics.rounds for path in after.paths] == [1, 1, 1]
    assert after.version == before.version


def test_paths_that_did_not_serve_count_in_full_and_the_serving_one_less() -> None:
    after = learning.learn(memory(), SERVED, BOUGHT, judged())
    weights = [path.statistics.weight for path in after.paths]
    assert weights == [3.0, 3.0 * SERVING_FACTOR, 3.0]
    assert all(path.state is PathState.ACTIVE for path in after.paths)


@pytest.mark.parametrize(("claimed", "weight"), [(4, 4.0), (1, 1.0), (5, 3.0), (0, 3.0), (-2, 3.0), (None, 3.0)])
def test_the_position_that_the_caller_tells_weighs_if_there_was_such_a_one(claimed: int | None, weight: float) -> None:
    moved = replace(BOUGHT, position=claimed)
    after = learning.learn(memory(), SERVED, moved, judged(moved))
    assert after.paths[0].statistics.weight == weight


@pytest.mark.parametrize("claimed", [None, 1, 2])
def test_an_item_that_was_not_shown_counts_one_for_every_path(claimed: int | None) -> None:
    served = replace(SERVED, shown=2)  # the bought one stands third
    feedback = replace(BOUGHT, position=claimed)
    after = learning.learn(memory(), served, feedback, learning.judge(served, feedback, CONTROL, REPLAYS))
    assert [path.statistics.weight for path in after.paths] == [1.0, 1.0, 1.0]


def test_a_path_that_popularity_answered_for_is_not_damped() -> None:
    served = replace(SERVED, served_by="popularity")
    outcome = learning.judge(served, BOUGHT, CONTROL, REPLAYS)
    assert (outcome.served_by, outcome.model, outcome.path) == ("popularity", "v2", 1)
    assert (outcome.effect, outcome.control_effect, outcome.gain) == (effect(3), effect(3), None)
    after = learning.learn(memory(), served, BOUGHT, outcome)
    assert [path.statistics.weight for path in after.paths] == [3.0, 3.0, 3.0]


def test_a_path_that_was_not_replayed_learns_nothing() -> None:
    outcome = learning.judge(SERVED, BOUGHT, CONTROL, {0: REPLAYS[0]})
    assert (outcome.effect, outcome.control_effect, outcome.gain) == (effect(3), effect(3), None)
    after = learning.learn(memory(), SERVED, BOUGHT, outcome)
    assert [path.statistics.rounds for path in after.paths] == [1, 0, 0]


def test_counting_an_outcome_again_gives_all_but_the_history() -> None:
    outcome = judged()
    learned = learning.learn(memory(), SERVED, BOUGHT, outcome)
    counted = learning.recount(memory(), SERVED, outcome)
    assert [each.statistics for each in counted.paths] == [each.statistics for each in learned.paths]
    assert (counted.applied, len(counted.history)) == (learned.applied, 0)
    assert [(each.item, each.at, each.candidates.tolist()) for each in counted.replay] == [(12, 1000, [*CANDIDATES])]


@pytest.mark.parametrize(
    ("feedback", "remembered"),
    [
        (replace(BOUGHT, event=EventKind.SKIP), 0),
        (replace(BOUGHT, event=EventKind.DISLIKE), 1),
        (replace(BOUGHT, item=99, item_id="z"), 1),
        (replace(BOUGHT, item=-1, item_id="unheard of"), 0),
    ],
)
def test_what_ranks_nothing_leaves_the_paths_alone(feedback: Feedback, remembered: int) -> None:
    before = memory()
    after = learning.learn(before, SERVED, feedback, learning.judge(SERVED, feedback, None, {}))
    assert after.paths == before.paths
    assert after.replay == ()
    assert len(after.history) == remembered
    assert after.has_applied(learning.digest(feedback))


def test_a_dislike_is_seen_and_not_wanted() -> None:
    feedback = replace(BOUGHT, event=EventKind.DISLIKE)
    after = learning.learn(memory(), SERVED, feedback, learning.judge(SERVED, feedback, None, {}))
    assert (after.history.seen().tolist(), after.history.wanted(5).tolist()) == ([12], [])


def test_what_was_learned_is_marked() -> None:
    after = learning.learn(memory(), SERVED, BOUGHT, judged())
    assert after.has_applied(learning.digest(BOUGHT))
    assert after.has_applied(learning.digest(replace(BOUGHT, position=9, event_id="again")))
    assert not after.has_applied(learning.digest(replace(BOUGHT, event=EventKind.CLICK)))


def test_the_replay_buffer_is_bounded_and_keeps_the_newest() -> None:
    held = memory()
    for second in range(REPLAY_LIMIT + 5):
        feedback = replace(BOUGHT, occurred_at=second)
        held = learning.learn(held, SERVED, feedback, judged(feedback))
    assert [event.at for event in held.replay] == list(range(5, REPLAY_LIMIT + 5))


def test_a_replay_event_holds_its_true_item() -> None:
    event = replay_event(500, 1, range(501))
    assert len(event.candidates) == REPLAY_CANDIDATES
    assert event.candidates[-1] == 500
    assert replay_event(3, 1, (5, 3)).candidates.tolist() == [5, 3]


def test_marks_of_a_whole_turn_outlive_it_and_older_ones_give_way() -> None:
    held = memory()
    for digest in range(300):
        held = held.with_applied(digest)
    assert held.settled(200).applied == tuple(range(100, 300))
    assert held.settled(1).applied == tuple(range(300 - APPLIED_LIMIT, 300))
