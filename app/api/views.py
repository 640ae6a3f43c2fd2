"""What GET /users/{id}/… and GET /readyz show."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from app.domain.path import PathState, Perspective


class EstimateView(BaseModel):
    """A mean with its 95 % interval; null while there is nothing to estimate from."""

    mean: float | None
    low: float | None
    high: float | None


class PathView(BaseModel):
    """One path: what it serves and what it reached."""

    path: int
    perspective: Perspective
    state: PathState
    demonstration_id: str
    version: int
    lines: list[str]
    line_count: int
    effect: EstimateView
    gain: EstimateView
    rounds: int
    archived: int


class PathsView(BaseModel):
    """A user's paths; `building` until their memory has been built from the stored history."""

    user_id: str
    version: int
    events: int
    building: bool
    paths: list[PathView]


class RoundView(BaseModel):
    """One turn of a path."""

    path: int
    round: int
    demonstration_id: str
    parent_id: str | None
    version: int | None
    perspective: Perspective | None
    reason: str
    accepted: bool
    effect: float | None
    control_effect: float | None
    gain: float | None
    similarity: float | None
    lines: list[str]
    at: datetime


class OutcomeView(BaseModel):
    """What came of an impression; event `none` is one that closed without feedback."""

    impression_id: str
    item_id: str | None
    event: str
    effect: float | None
    control_effect: float | None
    gain: float | None
    path: int | None
    position: float | None
    served_by: str
    model: str
    at: datetime


class ErasureView(BaseModel):
    """The user is forgotten by Redis; PostgreSQL follows within seconds."""

    user_id: str
    status: Literal["accepted"]


class CheckView(BaseModel):
    """One dependency."""

    name: str
    ok: bool
    detail: str


class ReadyView(BaseModel):
    """Whether requests are answered, and by what."""

    ready: bool
    degraded: bool
    items: int
    model: str | None
    rankers: list[str]
    checks: list[CheckView]
