"""Packs a memory into the three byte strings of its Redis hash, and back.

Numbers are little-endian. `h` is the history as packed EVENT records. `p` holds the paths: per path a header and its
LINE records. `a` is compressed: the lines of all archived demonstrations once, then per demonstration its header and
indices into those lines (archived versions share most of them), the replay buffer, and the digests already applied.
"""

from __future__ import annotations

import struct
import uuid
import zlib
from collections.abc import Sequence

import numpy as np

from app.domain.demonstration import LINE, Demonstration
from app.domain.history import EVENT, History
from app.domain.memory import APPLIED_LIMIT, Memory, ReplayEvent, ServingMemory
from app.domain.path import Archived, Path, PathState, Perspective, Statistics

FORMAT = 1
ARCHIVE_BYTES = 4096  # what the compressed part may take: the oldest archived demonstrations give way
_MARK_BYTES = 8
_PERSPECTIVES, _STATES = tuple(Perspective), tuple(PathState)
_HEADER = struct.Struct("<BBB16sI6fIH")  # index, perspective, state, id, version, statistics, rounds, lines
_ARCHIVED = struct.Struct("<B16sI6fIH")  # path, id, version, statistics, rounds, lines
_REPLAY = struct.Struct("<iIH")  # item, at, candidates
_COUNTS = struct.Struct("<BHHHH")  # format, pooled lines, archived, replay events, applied


def encode(memory: Memory) -> tuple[bytes, bytes, bytes]:
    """The fields h, p and a of this memory; the archive is shortened until `a` fits ARCHIVE_BYTES.

    Marks beyond the usual number, which only the turn after a burst has, do not count against the archive.
    """
    bound = ARCHIVE_BYTES + _MARK_BYTES * max(len(memory.applied) - APPLIED_LIMIT, 0)
    archives = [list(archive) for archive in memory.archives]
    tail = _encode_tail(memory, archives)
    while len(tail) > bound and any(len(archive) > 1 for archive in archives):
        max(archives, key=len).pop(0)
        tail = _encode_tail(memory, archives)
    return memory.history.events.tobytes(), _encode_paths(memory.paths), tail


def decode(version: int, history: bytes, paths: bytes, tail: bytes) -> Memory:
    """The memory of these fields; raises ValueError for bytes of another format."""
    serving = decode_serving(version, history, paths)
    archives, replay, applied = _decode_tail(tail, len(serving.paths))
    return Memory(version, serving.history, serving.paths, archives, replay, applied)


def decode_serving(version: int, history: bytes, paths: bytes) -> ServingMemory:
    """The part of a memory that a request needs."""
    return ServingMemory(version, History(np.frombuffer(history, dtype=EVENT)), _decode_paths(paths))


def _encode_paths(paths: Sequence[Path]) -> bytes:
    parts = [bytes((FORMAT, len(paths)))]
    for path in paths:
        shown = path.demonstration
        head = (path.index, _PERSPECTIVES.index(path.perspective), _STATES.index(path.state))
        parts.append(_HEADER.pack(*head, *_head_of(shown, path.statistics), len(shown)))
        parts.append(shown.lines.tobytes())
    return b"".join(parts)


def _decode_paths(data: bytes) -> tuple[Path, ...]:
    if data[0] != FORMAT:
        raise ValueError(f"paths are in format {data[0]}, this version reads {FORMAT}")
    paths, offset = [], 2
    for _ in range(data[1]):
        index, perspective, state, identity, version, w, w2, e, e2, g, g2, rounds, count = _HEADER.unpack_from(
            data, offset
        )
        offset += _HEADER.size
        lines = np.frombuffer(data, dtype=LINE, count=count, offset=offset)
        offset += lines.nbytes
        demonstration = Demonstration(str(uuid.UUID(bytes=identity)), version, lines)
        statistics = Statistics(w, w2, e, e2, g, g2, rounds)
        paths.append(Path(index, _PERSPECTIVES[perspective], demonstration, statistics, _STATES[state]))
    return tuple(paths)


def _encode_tail(memory: Memory, archives: Sequence[Sequence[Archived]]) -> bytes:
    entries = [(path, archived) for path, archive in enumerate(archives) for archived in archive]
    lines = [archived.demonstration.lines for _, archived in entries]
    pool, places = np.unique(np.concatenate(lines) if lines else np.empty(0, dtype=LINE), return_inverse=True)
    counts = (FORMAT, len(pool), len(entries), len(memory.replay), len(memory.applied))
    parts = [_COUNTS.pack(*counts), pool.tobytes()]
    start = 0
    for path, archived in entries:
        shown = archived.demonstration
        parts.append(_ARCHIVED.pack(path, *_head_of(shown, archived.statistics), len(shown)))
        parts.append(places[start : start + len(shown)].astype("<u2").tobytes())
        start += len(shown)
    for event in memory.replay:
        parts.append(_REPLAY.pack(event.item, event.at, len(event.candidates)))
        parts.append(event.candidates.astype("<i4").tobytes())
    parts.append(np.array(memory.applied, dtype="<u8").tobytes())
    return zlib.compress(b"".join(parts), 1)


def _decode_tail(
    tail: bytes, k: int
) -> tuple[tuple[tuple[Archived, ...], ...], tuple[ReplayEvent, ...], tuple[int, ...]]:
    data = zlib.decompress(tail)
    form, pooled, archived, replayed, applied = _COUNTS.unpack_from(data)
    if form != FORMAT:
        raise ValueError(f"the archive is in format {form}, this version reads {FORMAT}")
    offset = _COUNTS.size
    pool = np.frombuffer(data, dtype=LINE, count=pooled, offset=offset)
    offset += pool.nbytes
    archives: list[list[Archived]] = [[] for _ in range(k)]
    for _ in range(archived):
        path, identity, version, w, w2, e, e2, g, g2, rounds, count = _ARCHIVED.unpack_from(data, offset)
        offset += _ARCHIVED.size
        lines = pool[np.frombuffer(data, dtype="<u2", count=count, offset=offset)]
        offset += 2 * count
        demonstration = Demonstration(str(uuid.UUID(bytes=identity)), version, lines)
        archives[path].append(Archived(demonstration, Statistics(w, w2, e, e2, g, g2, rounds)))
    replay = []
    for _ in range(replayed):
        item, at, count = _REPLAY.unpack_from(data, offset)
        offset += _REPLAY.size
        replay.append(ReplayEvent(item, at, np.frombuffer(data, dtype="<i4", count=count, offset=offset)))
        offset += 4 * count
    digests = np.frombuffer(data, dtype="<u8", count=applied, offset=offset)
    return tuple(tuple(archive) for archive in archives), tuple(replay), tuple(int(digest) for digest in digests)


def _head_of(
    shown: Demonstration, statistics: Statistics
) -> tuple[bytes, int, float, float, float, float, float, float, int]:
    s = statistics
    sums = (s.weight, s.weight_squared, s.effect, s.effect_squared, s.gain, s.gain_squared)
    return uuid.UUID(shown.demonstration_id).bytes, shown.version, *sums, s.rounds
