"""Memories that lack something: lost ones are put together again, silent paths get their lines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app import metrics
from app.domain.memory import Memory
from app.domain.path import Path as UserPath
from app.settings import Settings
from app.stores.redis import FEEDBACK, user_key
from tests.service import USER, Service, running
from workers.run import Worker

pytestmark = pytest.mark.anyio
NOBODY = "somebody-new"


async def memory_of(service: Service, user_id: str) -> Memory:
    return (await service.workers.memory.load([user_id]))[user_id]


def drafts(paths: tuple[UserPath, ...]) -> list[tuple[str, int]]:
    return [(path.demonstration.demonstration_id, path.demonstration.version) for path in paths]


async def learned(service: Service, count: int, user_id: str = USER) -> None:
    """One reaction to each of so many answers."""
    for place in range(count):
        await service.react(await service.recommend(user_id), place=place % 5, event="click")


async def test_a_user_without_a_history_gets_lines_with_the_first_event(service: Service) -> None:
    await service.workers.streams.rebuild([NOBODY])
    await service.drain()
    empty = await memory_of(service, NOBODY)
    assert [len(path.demonstration) for path in empty.paths] == [0, 0, 0]
    await learned(service, 1, NOBODY)
    await service.drain()
    filled = await memory_of(service, NOBODY)
    spoken = [path.index for path in filled.paths if len(path.demonstration)]
    assert 0 in spoken
    assert [path.demonstration.version for path in filled.paths if path.index in spoken] == [2] * len(spoken)
    assert [path.statistics.rounds for path in filled.paths] == [0, 0, 0]  # what the control did is not a path's
    ((effects, effect, control),) = await service.rows("SELECT effects, effect, control_effect FROM outcomes")
    assert effects is None
    assert effect == control is not None
    for path in spoken:
        rows = await service.rows(
            "SELECT d.version, d.parent_id::text, r.round, r.reason FROM demonstrations d JOIN path_rounds r"
            " USING (demonstration_id, user_id, path) WHERE path = %s ORDER BY version",
            path,
        )
        first = empty.paths[path].demonstration.demonstration_id
        assert rows == [(1, None, 0, "first_draft"), (2, first, 1, "filled_in")]
        assert [each.demonstration.version for each in filled.archives[path]] == [2]
    answer = await service.recommend(NOBODY)
    assert answer["path"] in spoken
    assert answer["demonstration"]["lines"]


async def test_a_filled_path_is_left_alone(service: Service) -> None:
    await learned(service, 1, NOBODY)
    await service.drain()
    before = await memory_of(service, NOBODY)
    await learned(service, 2, NOBODY)
    await service.workers.streams.rebuild([NOBODY])
    await service.drain()
    spoken = {path.index: path for path in before.paths if len(path.demonstration)}
    for path in (await memory_of(service, NOBODY)).paths:
        if path.index in spoken:
            assert path.demonstration.demonstration_id == spoken[path.index].demonstration.demonstration_id


async def test_who_came_before_the_first_fit_gets_paths_after_it(settings: Settings, tmp_path: Path) -> None:
    unfitted = settings.model_copy(update={"artifacts": tmp_path / "nothing"})
    async with running(unfitted) as service:
        await service.recommend()
        await service.drain()
        assert (await memory_of(service, USER)).paths == ()
    async with running(settings) as service:
        await learned(service, 1)
        await service.drain()
        held = await memory_of(service, USER)
        assert [len(path.demonstration) > 0 for path in held.paths] == [True] * 3
        assert await service.rows("SELECT DISTINCT round, reason FROM path_rounds") == [(0, "first_draft")]


@pytest.mark.parametrize("by", [Worker.SWEEPER, Worker.SCORER])
async def test_a_lost_memory_comes_back_with_what_it_had_learned(service: Service, by: Worker) -> None:
    await service.recommend()
    await service.drain()
    await learned(service, 5)
    reader = service.reader(FEEDBACK)
    batch = await service.take(reader)
    await reader.handler(batch)
    await service.drain()
    before = await memory_of(service, USER)
    await service.redis.delete(user_key(USER))
    if by is Worker.SWEEPER:
        await service.workers.streams.rebuild([USER])
        await service.drain(by)
    await reader.handler(batch)  # redelivered: it is learned already
    await service.drain()
    after = await memory_of(service, USER)
    assert drafts(after.paths) == drafts(before.paths)
    for old, new in zip(before.paths, after.paths, strict=True):
        assert tuple(new.statistics) == pytest.approx(tuple(old.statistics), rel=1e-5, abs=1e-6)
        assert (new.state, new.demonstration.lines.tolist()) == (old.state, old.demonstration.lines.tolist())
    assert after.applied == before.applied
    assert [(each.item, each.at, each.candidates.tolist()) for each in after.replay] == [
        (each.item, each.at, each.candidates.tolist()) for each in before.replay
    ]
    assert [[each.demonstration.demonstration_id for each in archive] for archive in after.archives] == [
        [each.demonstration.demonstration_id for each in archive] for archive in before.archives
    ]
    assert await service.rows("SELECT count(*) FROM path_rounds WHERE user_id = %s", USER) == [(3,)]
    assert await service.rows("SELECT count(*) FROM outcomes WHERE user_id = %s", USER) == [(5,)]


async def test_what_the_fallback_served_is_told_apart_from_the_replay(service: Service) -> None:
    await service.recommend()
    await service.drain()
    answer = await service.recommend()
    await service.drain()
    (impression,) = await service.workers.outcomes.impressions([answer["impression_id"]])
    await service.workers.streams.serve(replace(impression, served_by="popularity"))
    await service.react(answer)
    await service.drain(Worker.SCORER)
    await service.drain(Worker.RECORDER)
    rows = await service.rows("SELECT served_by, gain, effect = control_effect FROM outcomes WHERE event = 'purchase'")
    assert rows == [("popularity", None, True)]


async def test_outcomes_that_are_not_saved_are_not_counted(service: Service) -> None:
    await service.recommend()
    await service.drain()
    await learned(service, 1)
    batch = await service.take(service.reader(FEEDBACK))
    await service.workers.memory.erase(USER)
    counted = metrics.OUTCOMES.labels("click")._value.get()
    await service.reader(FEEDBACK).handler(batch)
    assert metrics.OUTCOMES.labels("click")._value.get() == counted
