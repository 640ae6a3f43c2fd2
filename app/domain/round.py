"""Turns of a path, as they are recorded: which demonstration was drafted, and what was decided about it."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.path import Perspective


@dataclass(frozen=True, slots=True)
class DraftedDemonstration:
    """A demonstration as it was drafted; lines are (sample, label, weight, born_at), words their text."""

    demonstration_id: str
    user_id: str
    path: int
    version: int
    perspective: Perspective
    lines: tuple[tuple[int, int, float, int], ...]
    words: tuple[str, ...]
    created_at: int  # seconds since the epoch
    parent_id: str | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """One optimisation turn of a path; round 0 is its first draft."""

    user_id: str
    path: int
    round: int
    demonstration_id: str
    reason: str
    accepted: bool
    at: int  # seconds since the epoch
    effect: float | None = None
    control_effect: float | None = None
    gain: float | None = None
    similarity: float | None = None  # to the demonstration before it
