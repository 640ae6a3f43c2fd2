"""Impressions, the feedback on them, and the outcomes that joining the two gives."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass

from app.domain.items import EventKind

NO_EVENT = "none"  # the event of an outcome whose impression closed without feedback
UNDEMONSTRATED = frozenset({"popularity"})  # rankers that read no demonstration


@dataclass(frozen=True, slots=True)
class ServedDemonstration:
    """Which demonstration a path held when an impression was served."""

    path: int
    demonstration_id: str
    version: int


@dataclass(frozen=True, slots=True)
class Impression:
    """One served ranking with everything needed to learn from it.

    `candidates` and `history` are item numbers; candidates stand best first, the first `shown` of them were returned.
    """

    impression_id: str
    user_id: str
    candidates: tuple[int, ...]
    shown: int
    history: tuple[int, ...]
    served_by: str
    model: str
    path: int | None = None
    propensity: float | None = None
    demonstrations: tuple[ServedDemonstration, ...] = ()
    degraded_reasons: tuple[str, ...] = ()
    at: int | None = None  # the second the caller asked to rank as of

    @property
    def served_at_ms(self) -> int:
        """When it was served, in milliseconds since the epoch."""
        return served_at_of(self.impression_id)

    @property
    def demonstrated(self) -> int | None:
        """The path whose demonstration took part in the ranking; None also where popularity answered in its stead."""
        return None if self.served_by in UNDEMONSTRATED else self.path


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a user did with an item of an impression, as accepted by the API."""

    impression_id: str
    user_id: str
    item_id: str
    item: int  # item number, -1 when the catalogue does not know the id
    event: EventKind
    occurred_at: int  # seconds since the epoch
    received_at: int  # seconds since the epoch
    position: int | None = None
    value: float | None = None
    event_id: str | None = None

    @property
    def key(self) -> str:
        """The identity of its outcome: a repeat has the same one."""
        return f"{self.impression_id}|{self.item_id}|{self.event}"


@dataclass(frozen=True, slots=True)
class PathEffect:
    """The effect of one path's demonstration on one event, replayed on the impression's candidates."""

    path: int
    effect: float
    gain: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """Feedback joined to its impression; effect fields are None where there is nothing to rank.

    `served_by` is what served the impression. `model` is the one that the effects are of, so where there are effects it
    is that of the replay, which may be newer than the one that served.
    """

    impression_id: str
    user_id: str
    item_id: str
    event: str
    at: int  # seconds since the epoch
    received_at: int
    path: int | None = None
    position: float | None = None  # of the item in the ranking that was served
    effect: float | None = None  # of the demonstration that served, else the control's
    control_effect: float | None = None  # of the same ranker without a demonstration
    gain: float | None = None
    effects: tuple[PathEffect, ...] = ()
    value: float | None = None
    served_by: str = ""
    model: str = ""

    @property
    def key(self) -> str:
        """Its identity, the same as that of the feedback it came from."""
        return f"{self.impression_id}|{self.item_id}|{self.event}"


def new_impression_id(now_ms: int) -> str:
    """A UUID version 7 of this millisecond, so that the id alone tells when (and in which partition) it was served."""
    value = (
        (now_ms & 0xFFFF_FFFF_FFFF) << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    )
    return str(uuid.UUID(int=value))


def served_at_of(impression_id: str) -> int:
    """The millisecond inside a UUID version 7; raises ValueError for any other text."""
    parsed = uuid.UUID(impression_id)
    if parsed.version != 7:
        raise ValueError(f"{impression_id} is not an impression id")
    return parsed.int >> 80


def draw_of(impression_id: str) -> float:
    """A number in [0, 1) that is uniform over impressions and always the same for one: random bits of the id."""
    return int(impression_id[24:], 16) / 2**48
