"""Bodies of requests and answers; the OpenAPI document is made of these."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from app.domain.items import EventKind
from app.domain.path import Perspective

K = len(Perspective)
AHEAD = timedelta(minutes=5)  # what a caller's clock may be ahead of ours
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")


def _not_in_the_future(moment: datetime) -> datetime:
    if not datetime(1970, 1, 1, tzinfo=UTC) <= moment <= datetime.now(UTC) + AHEAD:
        raise ValueError("must lie between 1970 and five minutes from now")
    return moment


def _rfc_3339(moment: object) -> object:
    if not isinstance(moment, str) or not _RFC_3339.fullmatch(moment):
        raise ValueError("must be a moment as in RFC 3339, such as 2026-01-31T12:00:00Z")
    return moment


def _one_line(text: object) -> object:
    return _CONTROL.sub(" ", text).strip() if isinstance(text, str) else text


Id = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
Moment = Annotated[AwareDatetime, BeforeValidator(_rfc_3339), AfterValidator(_not_in_the_future)]
OneLine = BeforeValidator(_one_line)
Title = Annotated[str, StringConstraints(max_length=500), OneLine]
Name = Annotated[str, StringConstraints(max_length=200), OneLine]
Text = Annotated[str, StringConstraints(max_length=10_000), OneLine]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RecommendRequest(_Body):
    """What to rank, for whom."""

    user_id: Id
    limit: Annotated[int, Field(strict=True, ge=1, le=100, description="How many items to return.")] = 10
    candidates: Annotated[
        list[Id] | None,
        Field(min_length=1, max_length=500, description="Rank these; without it the service retrieves."),
    ] = None
    history: Annotated[
        list[Id] | None, Field(max_length=1000, description="Item ids, oldest first, instead of the stored history.")
    ] = None
    exclude: Annotated[list[Id] | None, Field(max_length=1000, description="Never return these.")] = None
    path: Annotated[
        int | None, Field(strict=True, ge=0, lt=K, description="Pin a path; otherwise it is chosen by Effect_D.")
    ] = None
    deadline_ms: Annotated[
        int | None, Field(strict=True, ge=20, le=10_000, description="Answer by then, whatever it takes.")
    ] = None
    at: Annotated[
        Moment | None, Field(description="Rank as of this moment (recent counts); default the newest one known.")
    ] = None


class BecausePart(BaseModel):
    """One additive part of a score; the parts of an item sum to its score."""

    kind: Literal["history", "line", "popularity", "trend", "other"]
    item_id: str | None
    weight: float


class RecommendedItem(BaseModel):
    """One returned item."""

    item_id: str
    title: str
    rank: int
    score: float
    because: list[BecausePart]


class DemonstrationView(BaseModel):
    """The demonstration that served."""

    id: str
    version: int
    lines: list[str]


class MixturePart(BaseModel):
    """One path's share when all paths answer at once."""

    path: int
    weight: float
    demonstration_id: str
    version: int


class IgnoredId(BaseModel):
    """An id that was left out, and why."""

    item_id: str
    reason: Literal["unknown", "excluded", "duplicate"]


class RecommendResponse(BaseModel):
    """A ranking with everything needed to report on it."""

    impression_id: str
    user_id: str
    items: list[RecommendedItem]
    served_by: Literal["vllm", "dual", "popularity"]
    model: str
    path: int | None
    mixture: list[MixturePart] | None
    propensity: float | None
    demonstration: DemonstrationView | None
    ignored: list[IgnoredId]
    degraded: bool
    degraded_reasons: list[str]
    timings_ms: dict[str, float]


class FeedbackRequest(_Body):
    """What a user did with an item."""

    impression_id: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
    item_id: Id
    event: EventKind
    value: Annotated[float | None, Field(allow_inf_nan=False)] = None
    position: Annotated[int | None, Field(strict=True, ge=1, le=10_000, description="Where it was shown, 1-based.")] = (
        None
    )
    occurred_at: Moment | None = None
    event_id: Id | None = None


class FeedbackReceipt(BaseModel):
    """The feedback is durable; a repeat is accepted again and counted once."""

    accepted: bool
    duplicate: bool


class BatchReceipt(FeedbackReceipt):
    """What became of one element of a batch; `code` where it was not accepted."""

    code: Literal["unknown_impression"] | None = None


class ItemBody(_Body):
    """One item of the catalogue."""

    item_id: Id
    title: Title
    brand: Name | None = None
    categories: Annotated[list[Name], Field(max_length=50)] = []
    price: Annotated[float | None, Field(ge=0, allow_inf_nan=False)] = None
    description: Text | None = None


class ItemsReceipt(BaseModel):
    """How many items were new, changed, or equal to what is stored."""

    inserted: int
    updated: int
    unchanged: int


class EventBody(_Body):
    """One past event of a user."""

    user_id: Id
    item_id: Id
    event: EventKind = EventKind.PURCHASE
    occurred_at: Moment


class IgnoredEvent(BaseModel):
    """An event that was left out: its place in the request, and why."""

    index: int
    item_id: str
    reason: Literal["unknown"]


class EventsReceipt(BaseModel):
    """How many events are new, how many were known, and what was left out."""

    accepted: int
    duplicates: int
    ignored: list[IgnoredEvent]


class ProblemField(BaseModel):
    """One fault of a request."""

    field: str
    message: str


class Problem(BaseModel):
    """RFC 9457 problem details with a stable code."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[ProblemField] | None = None
