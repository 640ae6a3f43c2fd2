"""The dual ranker against its formula, its explanations against its scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.domain.demonstration import NO_SAMPLE, Demonstration, make_lines
from app.domain.ranking import Ranking, Task
from app.domain.ranking import shown as as_shown
from app.domain.space import Space, make_space
from app.rankers.dual import DualRanker, DualWeights

ITEMS = 12
AS_OF = 1_000


def unit(rng: np.random.Generator, size: int) -> NDArray[np.float32]:
    vectors = rng.standard_normal((ITEMS, size))
    rows: NDArray[np.float32] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return rows


def space_of(seed: int = 0) -> Space:
    rng = np.random.default_rng(seed)
    arrivals = np.sort(rng.integers(0, ITEMS, 30) << 32 | rng.integers(0, AS_OF, 30))
    return make_space(
        version="v",
        as_of=AS_OF,
        numbers=np.arange(0, 2 * ITEMS, 2, dtype=np.int32),
        item_ids=[f"i{row}" for row in range(ITEMS)],
        titles=[f"Item {row}" for row in range(ITEMS)],
        collaborative=unit(rng, 5),
        text=unit(rng, 4),
        popularity=rng.standard_normal(ITEMS).astype(np.float32),
        arrivals=arrivals,
    )


def numbers(*values: int) -> NDArray[np.int32]:
    return np.array(values, dtype=np.int32)


def shown(*lines: tuple[int, int, float]) -> Demonstration:
    return Demonstration("d", 1, make_lines((sample, label, weight, 0) for sample, label, weight in lines))


SPACE = space_of()
TASK = Task(numbers(*range(0, 20, 2)), numbers(20, 22, 4), shown((20, 2, 0.5), (NO_SAMPLE, 6, -0.25), (4, 99, 1.0)))


def expected(task: Task, weights: DualWeights, space: Space) -> list[float]:
    """The formula of section 7, line by line."""
    events = [row for row in space.rows(task.history).tolist() if row >= 0][-weights.events :]
    decays = [weights.gamma ** (len(events) - 1 - place) for place in range(len(events))]
    scores = []
    for number, row in zip(task.candidates.tolist(), space.rows(task.candidates).tolist(), strict=True):
        score = weights.popularity * float(space.popularity[row])
        score += weights.trend * float(space.recent(np.array([row], dtype=np.int32), task.at or space.as_of)[0])
        for event, decay in zip(events, decays, strict=True):
            near = np.exp((space.collaborative[row] @ space.collaborative[event] - 1) / weights.tau)
            alike = np.exp((space.text[row] @ space.text[event] - 1) / weights.tau_text)
            score += decay / sum(decays) * float(near + weights.text * alike)
        if task.demonstration is not None:
            score += sum(float(line["weight"]) for line in task.demonstration.lines if line["label"] == number)
        scores.append(score)
    return scores


LONG = tuple(range(0, 24, 2)) * 3


@pytest.mark.parametrize("history", [(20, 22, 4), (), (4,), (20, 20, 4, 20), (-1, 3, 4, 1_000), LONG])
@pytest.mark.parametrize("at", [None, 500])
def test_scores_are_the_formula(history: tuple[int, ...], at: int | None) -> None:
    task = Task(TASK.candidates, numbers(*history), TASK.demonstration, at)
    weights = DualWeights()
    np.testing.assert_allclose(DualRanker(SPACE, weights).rank(task).scores, expected(task, weights, SPACE), rtol=2e-5)


def test_a_line_moves_its_label_and_nothing_else() -> None:
    ranker = DualRanker(SPACE)
    plain, lined = ranker.replay(TASK, [None, shown((20, 6, 0.75))])
    difference = lined.scores - plain.scores
    assert difference[3] == pytest.approx(0.75, rel=1e-6)
    assert not difference[np.arange(len(difference)) != 3].any()


def test_replay_is_rank_under_each_demonstration() -> None:
    ranker = DualRanker(SPACE)
    demonstrations = [None, TASK.demonstration, shown(), shown((4, 8, 1.0))]
    for demonstration, replayed in zip(demonstrations, ranker.replay(TASK, demonstrations), strict=True):
        ranked = ranker.rank(Task(TASK.candidates, TASK.history, demonstration))
        np.testing.assert_array_equal(ranked.scores, replayed.scores)
        assert (replayed.served_by, replayed.model) == ("dual", "v")


@given(
    seed=st.integers(0, 100),
    history=st.lists(st.integers(-2, 25), max_size=25),
    lines=st.lists(st.tuples(st.integers(-1, 25), st.integers(0, 25), st.floats(-2, 2, width=32)), max_size=6),
    parts=st.integers(0, 30),
)
def test_explanations_sum_to_the_score(
    seed: int, history: list[int], lines: list[tuple[int, int, float]], parts: int
) -> None:
    ranker = DualRanker(space_of(seed))
    task = Task(TASK.candidates, numbers(*history), shown(*lines))
    ranking = ranker.rank(task)
    explained = ranker.explain(task, ranking, task.candidates, parts=parts)
    for score, reasons in zip(ranking.scores.tolist(), explained, strict=True):
        assert sum(reason.weight for reason in reasons) == pytest.approx(as_shown(score), abs=1e-9)
        assert [reason.kind for reason in reasons].count("other") == 1
        sizes = [abs(reason.weight) for reason in reasons[:-1]]
        assert sizes == sorted(sizes, reverse=True)
        assert len(sizes) <= parts


def test_with_all_parts_named_nothing_else_is_left() -> None:
    ranker = DualRanker(SPACE)
    ranking = ranker.rank(TASK)
    [reasons] = ranker.explain(TASK, ranking, [2], parts=50)
    assert reasons[-1].weight == pytest.approx(0, abs=1e-6)
    named = {(reason.kind, reason.item) for reason in reasons}
    assert (("trend", None) in named) == (SPACE.trend[1] > 0)  # parts of no weight are not reasons
    assert named >= {("line", 20), ("history", 20), ("history", 22), ("history", 4)}
    assert named >= {("popularity", None), ("other", None)}


def test_a_line_without_a_sample_names_none_and_repeats_are_one_reason() -> None:
    ranker = DualRanker(SPACE)
    task = Task(TASK.candidates, numbers(4, 4, 4), shown((NO_SAMPLE, 6, -2.0)))
    [reasons] = ranker.explain(task, ranker.rank(task), [6], parts=50)
    assert (reasons[0].kind, reasons[0].item, reasons[0].weight) == ("line", None, -2.0)
    assert [reason.item for reason in reasons if reason.kind == "history"] == [4]


def test_a_ranking_from_elsewhere_is_explained_by_ranking_again() -> None:
    ranker = DualRanker(SPACE)
    own = ranker.rank(TASK)
    foreign = Ranking(own.candidates, own.scores, "dual", "v")
    assert ranker.explain(TASK, foreign, [2, 8]) == ranker.explain(TASK, own, [2, 8])


def test_an_item_that_was_not_ranked_is_not_explained() -> None:
    ranker = DualRanker(SPACE)
    with pytest.raises(KeyError):
        ranker.explain(TASK, ranker.rank(TASK), [1])


def test_one_candidate_and_none() -> None:
    ranker = DualRanker(SPACE)
    assert ranker.rank(Task(numbers(4), numbers())).order.tolist() == [0]
    nothing = Task(numbers(), numbers(4))
    ranking = ranker.rank(nothing)
    assert len(ranking.order) == 0
    assert ranker.explain(nothing, ranking, []) == []
