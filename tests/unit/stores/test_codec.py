"""Memories as bytes, and back."""

from __future__ import annotations

import uuid
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.demonstration import LINES_PER_DEMONSTRATION, Demonstration, make_lines
from app.domain.history import EVENT, History
from app.domain.memory import REPLAY_LIMIT, Memory, ReplayEvent
from app.domain.path import Archived, Path, PathState, Perspective, Statistics
from app.stores import codec

I32 = st.integers(-(2**31), 2**31 - 1)
U32 = st.integers(0, 2**32 - 1)
F32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def demonstrations(draw: st.DrawFn) -> Demonstration:
    rows = draw(st.lists(st.tuples(I32, I32, F32, U32), max_size=6))
    return Demonstration(str(draw(st.uuids())), draw(U32), make_lines(rows))


STATISTICS = st.builds(Statistics, F32, F32, F32, F32, F32, F32, U32)
REPLAYED = st.builds(
    lambda item, at, candidates: ReplayEvent(item, at, np.array(candidates, dtype=np.int32)),
    I32,
    U32,
    st.lists(I32, max_size=5),
)


@st.composite
def memories(draw: st.DrawFn) -> Memory:
    events = draw(st.lists(st.tuples(I32, U32, st.integers(0, 4)), max_size=8))
    paths = tuple(
        Path(index, perspective, draw(demonstrations()), draw(STATISTICS), draw(st.sampled_from(PathState)))
        for index, perspective in enumerate(Perspective)
    )
    archives = tuple(
        tuple(Archived(draw(demonstrations()), draw(STATISTICS)) for _ in range(draw(st.integers(0, 3)))) for _ in paths
    )
    return Memory(
        version=draw(st.integers(0, 2**53)),
        history=History.empty().merged(np.array(events, dtype=EVENT)),
        paths=paths,
        archives=archives,
        replay=tuple(draw(st.lists(REPLAYED, max_size=4))),
        applied=tuple(draw(st.lists(st.integers(0, 2**64 - 1), max_size=6))),
    )


def said(demonstration: Demonstration) -> tuple[object, ...]:
    return demonstration.demonstration_id, demonstration.version, demonstration.lines.tolist()


def comparable(memory: Memory) -> tuple[object, ...]:
    return (
        memory.version,
        memory.history.events.tolist(),
        [(p.index, p.perspective, p.state, p.statistics, said(p.demonstration)) for p in memory.paths],
        [[(said(each.demonstration), each.statistics) for each in archive] for archive in memory.archives],
        [(event.item, event.at, event.candidates.tolist()) for event in memory.replay],
        memory.applied,
    )


@given(memories())
@settings(max_examples=60)
def test_a_memory_comes_back_as_it_went_in(memory: Memory) -> None:
    """Statistics are kept in single precision; these are given in it, so nothing is lost."""
    assert comparable(codec.decode(memory.version, *codec.encode(memory))) == comparable(memory)


@given(memories())
@settings(max_examples=20)
def test_a_request_reads_the_same_without_the_archive(memory: Memory) -> None:
    history, paths, _ = codec.encode(memory)
    serving = codec.decode_serving(memory.version, history, paths)
    assert comparable(Memory(serving.version, serving.history, serving.paths)) == comparable(
        replace(memory, archives=(), replay=(), applied=())
    )


@given(st.floats(0, 1e6))
def test_statistics_are_kept_in_single_precision(value: float) -> None:
    path = Path(0, Perspective.OWN, Demonstration(str(uuid.uuid4()), 1, make_lines([])), Statistics(weight=value))
    (back,) = codec.decode(0, *codec.encode(Memory(0, History.empty(), (path,), ((),)))).paths
    assert back.statistics.weight == float(np.float32(value))


def crowded(versions: int) -> Memory:
    """A memory whose archives have nothing in common, so that they do not compress."""
    rng = np.random.default_rng(7)

    def drafted(version: int) -> Demonstration:
        rows = [tuple(rng.integers(0, 10**6, 3).tolist()) for _ in range(LINES_PER_DEMONSTRATION)]
        return Demonstration(str(uuid.UUID(int=int(rng.integers(2**62)))), version, make_lines((*r, 7) for r in rows))

    archives = tuple(
        tuple(Archived(drafted(version), Statistics()) for version in range(1, versions + 1)) for _ in Perspective
    )
    paths = tuple(
        Path(index, perspective, archives[index][-1].demonstration) for index, perspective in enumerate(Perspective)
    )
    replay = tuple(ReplayEvent(n, n, rng.integers(0, 500, 8).astype(np.int32)) for n in range(REPLAY_LIMIT))
    return Memory(1, History.empty(), paths, archives, replay, (1, 2, 3))


def test_the_archive_is_shortened_to_its_bound_and_the_newest_stay() -> None:
    memory = crowded(5)
    fields = codec.encode(memory)
    back = codec.decode(1, *fields)
    assert len(fields[2]) <= codec.ARCHIVE_BYTES
    for archive, before in zip(back.archives, memory.archives, strict=True):
        assert 1 <= len(archive) < len(before)
        assert said(archive[-1].demonstration) == said(before[-1].demonstration)
    assert comparable(replace(back, archives=())) == comparable(replace(memory, archives=()))


def test_the_last_demonstration_of_a_path_is_never_dropped() -> None:
    memory = replace(crowded(1), applied=tuple(range(2**63, 2**63 + 3000)))
    back = codec.decode(1, *codec.encode(memory))
    assert comparable(back) == comparable(memory)


def test_bytes_of_another_format_are_refused() -> None:
    history, paths, tail = codec.encode(crowded(1))
    with pytest.raises(ValueError, match="format 99"):
        codec.decode(1, history, bytes((99,)) + paths[1:], tail)
