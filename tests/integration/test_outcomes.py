"""Impressions, outcomes and the turns of paths in PostgreSQL."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.domain.impression import NO_EVENT, Impression, Outcome, PathEffect, ServedDemonstration, new_impression_id
from app.domain.items import Interaction
from app.domain.path import Perspective
from app.domain.round import DraftedDemonstration, Round
from app.stores.database import open_engine
from app.stores.outcomes import Outcomes, Recorded

pytestmark = pytest.mark.anyio

NOW = int(time.time())
HOUR = timedelta(hours=1)


@pytest.fixture
async def outcomes(database_url: str) -> AsyncIterator[Outcomes]:
    engine = open_engine(database_url, pool_size=6)
    yield Outcomes(engine)
    await engine.dispose()


def impression(*, user_id: str = "u", age_s: float = 0.0) -> Impression:
    return Impression(
        impression_id=new_impression_id(NOW * 1000 - int(age_s * 1000)),
        user_id=user_id,
        candidates=(5, 3, 9),
        shown=2,
        history=(1, 2),
        served_by="dual",
        model="v1",
        path=1,
        propensity=0.5,
        demonstrations=(ServedDemonstration(1, str(uuid.uuid4()), 4),),
        degraded_reasons=("memory_unavailable",),
        at=NOW - 5,
    )


def bare(*, age_s: float = 0.0) -> Impression:
    return Impression(new_impression_id(NOW * 1000 - int(age_s * 1000)), "u", (), 0, (), "popularity", "v1")


def reaction(served: Impression, *, item_id: str = "lamp", event: str = "click") -> Outcome:
    return Outcome(
        impression_id=served.impression_id,
        user_id=served.user_id,
        item_id=item_id,
        event=event,
        at=NOW,
        received_at=NOW + 1,
        path=1,
        position=2.5,
        effect=0.5,
        control_effect=0.25,
        gain=0.25,
        effects=(PathEffect(0, 0.25, 0.0), PathEffect(1, 0.5, 0.25)),
        value=19.99,
        served_by="dual",
        model="v1",
    )


def drafted(user_id: str = "u") -> DraftedDemonstration:
    return DraftedDemonstration(
        demonstration_id=str(uuid.uuid4()),
        user_id=user_id,
        path=0,
        version=1,
        perspective=Perspective.OWN,
        lines=((1, 2, 0.5, 7), (-1, 3, -0.25, 8)),
        words=("after A chose B", "avoided C"),
        created_at=NOW,
    )


def first_round(demonstration: DraftedDemonstration) -> Round:
    return Round(demonstration.user_id, 0, 0, demonstration.demonstration_id, "first_draft", accepted=True, at=NOW)


async def test_everything_comes_back_as_it_went_in(outcomes: Outcomes) -> None:
    full, empty, demonstration = impression(), bare(), drafted()
    child = replace(drafted(), parent_id=demonstration.demonstration_id, version=2, created_at=NOW + 1)
    turn = replace(first_round(child), round=1, effect=0.5, control_effect=0.25, gain=0.25, similarity=0.75, at=NOW + 1)
    written = await outcomes.record(
        impressions=[full, empty],
        outcomes=[reaction(full)],
        interactions=[Interaction("u", 5, NOW)],
        demonstrations=[demonstration, child],
        rounds=[first_round(demonstration), turn],
    )
    assert written == Recorded(impressions=2, outcomes=1, interactions=1, demonstrations=2, rounds=2)
    assert await outcomes.impression(full.impression_id) == full
    assert await outcomes.impression(empty.impression_id) == empty
    assert await outcomes.user_outcomes("u", limit=5) == [reaction(full)]
    assert await outcomes.user_rounds("u", limit=5) == [turn, first_round(demonstration)]
    assert await outcomes.user_demonstrations("u", limit=5) == [child, demonstration]


async def test_a_batch_may_come_again(outcomes: Outcomes) -> None:
    served, demonstration = impression(), drafted()

    async def record() -> Recorded:
        return await outcomes.record(
            impressions=[served, served],
            outcomes=[reaction(served), reaction(served), reaction(served, event="purchase")],
            interactions=[Interaction("u", 5, NOW)],
            demonstrations=[demonstration],
            rounds=[first_round(demonstration)],
        )

    assert await record() == Recorded(impressions=1, outcomes=2, interactions=1, demonstrations=1, rounds=1)
    assert await record() == Recorded()
    assert await outcomes.record() == Recorded()


async def test_a_batch_is_stored_whole_or_not_at_all(outcomes: Outcomes) -> None:
    served, demonstration = impression(), drafted()
    broken = replace(first_round(demonstration), demonstration_id="not a uuid")
    with pytest.raises(DBAPIError):
        await outcomes.record(impressions=[served], outcomes=[reaction(served)], rounds=[broken])
    assert await outcomes.impression(served.impression_id) is None
    assert await outcomes.user_outcomes("u", limit=5) == []


async def test_recorders_of_one_batch_do_not_deadlock(outcomes: Outcomes) -> None:
    served = [impression() for _ in range(40)]
    both = (served, served[::-1])
    results = await asyncio.gather(
        *(
            outcomes.record(impressions=batch, outcomes=[reaction(each) for each in batch], interactions=[])
            for batch in both * 3
        )
    )
    assert sum(result.impressions for result in results) == 40
    assert sum(result.outcomes for result in results) == 40


async def test_ids_that_cannot_be_ours_are_unknown(outcomes: Outcomes) -> None:
    strangers = ["x", str(uuid.uuid4()), new_impression_id(NOW * 1000), "ffffffff-ffff-7fff-bfff-ffffffffffff"]
    assert await outcomes.impressions(strangers) == []
    assert await outcomes.impressions([]) == []


async def test_looking_an_impression_up_searches_its_month_only(outcomes: Outcomes) -> None:
    old, new = impression(age_s=70 * 86_400), impression()
    await outcomes.record(impressions=[old, new])
    found = await outcomes.impressions([old.impression_id, new.impression_id])
    assert {each.impression_id for each in found} == {old.impression_id, new.impression_id}
    async with outcomes.engine.begin() as connection:
        plan = await connection.execute(
            text("EXPLAIN SELECT * FROM impressions WHERE impression_id = :id AND served_at = :at"),
            {"id": uuid.UUID(old.impression_id), "at": datetime.fromtimestamp(old.served_at_ms / 1000, UTC)},
        )
        searched = " ".join(row[0] for row in plan)
    assert searched.count("Scan") - searched.count("Bitmap Index Scan") == 1


async def test_an_impression_that_nobody_reacted_to_is_closed_once(outcomes: Outcomes) -> None:
    silent, heard, young = impression(age_s=7200), impression(age_s=7200), impression(age_s=60)
    await outcomes.record(impressions=[silent, heard, young], outcomes=[reaction(heard)])
    now = datetime.fromtimestamp(NOW, UTC)
    assert await outcomes.close_expired(now, HOUR, limit=10) == 1
    assert await outcomes.close_expired(now, HOUR, limit=10) == 0
    closed = [each for each in await outcomes.user_outcomes("u", limit=9) if each.event == NO_EVENT]
    assert [(each.impression_id, each.item_id, each.at) for each in closed] == [(silent.impression_id, "", NOW)]


async def test_an_outcome_that_was_recorded_before_its_impression_counts(outcomes: Outcomes) -> None:
    served = impression(age_s=7200)
    await outcomes.record(outcomes=[reaction(served)])
    await outcomes.record(impressions=[served])
    assert await outcomes.close_expired(datetime.fromtimestamp(NOW, UTC), HOUR, limit=10) == 1
    assert [each.event for each in await outcomes.user_outcomes("u", limit=9)] == ["click"]


async def test_sweepers_share_the_work(outcomes: Outcomes) -> None:
    await outcomes.record(impressions=[impression(age_s=7200 + index) for index in range(90)])
    now = datetime.fromtimestamp(NOW, UTC)
    closed = await asyncio.gather(*(outcomes.close_expired(now, HOUR, limit=30) for _ in range(6)))
    closed += [await outcomes.close_expired(now, HOUR, limit=100)]
    assert sum(closed) == 90
    assert len(await outcomes.user_outcomes("u", limit=100)) == 90


async def test_a_late_reaction_takes_the_place_of_none(outcomes: Outcomes) -> None:
    served = impression(age_s=7200)
    await outcomes.record(impressions=[served])
    await outcomes.close_expired(datetime.fromtimestamp(NOW, UTC), HOUR, limit=10)
    assert [each.event for each in await outcomes.user_outcomes("u", limit=9)] == [NO_EVENT]
    assert await outcomes.user_outcomes("u", limit=9, silent=False) == []
    await outcomes.record(outcomes=[reaction(served)])
    assert [each.event for each in await outcomes.user_outcomes("u", limit=9)] == ["click"]


async def test_a_sweeper_keeps_off_an_impression_that_is_being_answered(outcomes: Outcomes) -> None:
    """Whoever comes first, an impression never ends with both a reaction and none."""
    served = [impression(age_s=7200) for _ in range(60)]
    await outcomes.record(impressions=served)
    now = datetime.fromtimestamp(NOW, UTC)
    await asyncio.gather(
        *(outcomes.record(outcomes=[reaction(each)]) for each in served),
        *(outcomes.close_expired(now, HOUR, limit=7) for _ in range(20)),
    )
    await outcomes.close_expired(now, HOUR, limit=100)
    assert [each.event for each in await outcomes.user_outcomes("u", limit=500)] == ["click"] * 60


async def test_erasing_a_user_leaves_the_others(outcomes: Outcomes) -> None:
    for user_id in ("u", "v"):
        served, demonstration = impression(user_id=user_id), drafted(user_id)
        await outcomes.record(
            impressions=[served],
            outcomes=[reaction(served)],
            interactions=[Interaction(user_id, 5, NOW), Interaction(user_id, 6, 1_000_000_000)],
            demonstrations=[demonstration],
            rounds=[first_round(demonstration)],
        )
    erased = {"interactions": 2, "impressions": 1, "outcomes": 1, "demonstrations": 1, "path_rounds": 1, "collapses": 0}
    assert await outcomes.erase_user("u") == erased
    assert await outcomes.erase_user("u") == dict.fromkeys(erased, 0)
    assert await outcomes.user_outcomes("u", limit=5) == []
    assert len(await outcomes.user_outcomes("v", limit=5)) == 1
