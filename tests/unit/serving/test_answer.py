"""What an answer prints adds up."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st

from app.domain.ranking import Ranking, Reason, Task
from app.embeddings.index import retrieve
from app.rankers.popularity import PopularityRanker
from app.runtime import Model
from app.serving.answer import Answer, ranked_items
from tests.unit.serving.test_candidates import space_of

SPACE = space_of(a=3, b=5, c=8)
PLACES = Decimal("0.000001")
MODEL = Model(SPACE, (PopularityRanker(SPACE),), retrieve, fitted=True)


def ranked(*scores: float) -> Ranking:
    return Ranking(np.array([3, 5, 8], dtype=np.int32), np.array(scores, dtype=np.float32), "dual", "v")


def printed(model: Model, ranking: Ranking, reasons: list[list[Reason]]) -> list[dict[str, Any]]:
    """The items as the caller reads them."""
    items: list[dict[str, Any]] = orjson.loads(orjson.dumps(ranked_items(model, ranking, reasons)))
    return items


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=3, max_size=3), st.floats(0, 10, width=32))
def test_the_printed_parts_sum_to_the_printed_score_exactly(popularity: list[float], recent: float) -> None:
    space = replace(
        SPACE,
        popularity=np.array(popularity, dtype=np.float32),
        trend=np.full(3, recent, dtype=np.float32),
    )
    ranker = PopularityRanker(space)
    task = Task(SPACE.numbers, np.empty(0, dtype=np.int32))
    ranking = ranker.rank(task)
    best = ranking.candidates[ranking.order].tolist()
    for item in printed(Model(space, (ranker,), retrieve, fitted=True), ranking, ranker.explain(task, ranking, best)):
        total = sum((Decimal(str(part["weight"])) for part in item["because"]), Decimal(0))
        assert total.quantize(PLACES) == Decimal(str(item["score"])).quantize(PLACES)
        assert item["score"] == round(item["score"], 6)


def test_the_best_items_come_first_and_ranks_count_from_one() -> None:
    items = printed(MODEL, ranked(0.1, 0.9, 0.5), [[], []])
    assert [(each["item_id"], each["title"], each["rank"]) for each in items] == [("b", "b", 1), ("c", "c", 2)]


def test_reasons_about_items_that_are_gone_have_no_id() -> None:
    reasons = [[Reason("history", 0.5, 3), Reason("line", 0.25, 4), Reason("line", 0.125, 99), Reason("other", 0.1)]]
    (item,) = printed(MODEL, ranked(0.975, 0.0, 0.0), reasons)
    assert [part["item_id"] for part in item["because"]] == ["a", None, None, None]


def test_degraded_says_whether_there_are_reasons() -> None:
    answer = Answer("i", "u", [], "dual", "v")
    assert orjson.loads(answer.packed())["degraded"] is False
    answer.degraded_reasons.append("deadline")
    assert orjson.loads(answer.packed())["degraded"] is True
