"""Everything that can go wrong on purpose, with its HTTP status and stable code.

LrgdError                     500 internal
├── InvalidRequest            422 invalid_request
│   ├── NoCandidates          422 no_candidates
│   └── InvalidBody           422 invalid_json
├── Unauthorized              401 unauthorized
├── Forbidden                 403 forbidden
├── NotFound                  404 not_found
│   ├── UnknownImpression     404 unknown_impression
│   ├── UnknownItem           404 unknown_item
│   └── UnknownUser           404 unknown_user
├── BodyTooLarge              413 body_too_large
├── UnsupportedMediaType      415 unsupported_media_type
├── RateLimited               429 rate_limited
├── Unavailable               503 unavailable
│   ├── StoreDown             503 store_down (Redis or PostgreSQL cannot be reached)
│   └── MemoryUnreadable      503 memory_unreadable (one user's memory in Redis cannot be decoded)
├── ArtifactError             500 artifact (a fitted artifact is damaged or missing)
├── DatasetError              a data file is malformed: names file and line (command line only)
└── StartupError              a server or setting is missing (command line only)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypedDict


class FieldError(TypedDict):
    """One fault of a request: where it is and what is wrong."""

    field: str
    message: str


class LrgdError(Exception):
    """Root of the tree; `detail` is for people, `code` for programs."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, *, errors: Sequence[FieldError] = (), retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = list(errors)
        self.retry_after = retry_after  # seconds


class InvalidRequest(LrgdError):
    """The request is well-formed JSON but not what the contract asks for."""

    status, code, title = 422, "invalid_request", "Invalid request"


class NoCandidates(InvalidRequest):
    """Nothing is left to rank."""

    code, title = "no_candidates", "No candidate is left"


class InvalidBody(InvalidRequest):
    """The body is not JSON."""

    status, code, title = 422, "invalid_json", "The body is not valid JSON"


class Unauthorized(LrgdError):
    """No API key, or one that is not known."""

    status, code, title = 401, "unauthorized", "A valid API key is needed"


class Forbidden(LrgdError):
    """The API key lacks the scope."""

    status, code, title = 403, "forbidden", "The API key lacks the scope"


class NotFound(LrgdError):
    """No such resource."""

    status, code, title = 404, "not_found", "Not found"


class UnknownImpression(NotFound):
    """No impression has this id."""

    code, title = "unknown_impression", "Unknown impression"


class UnknownItem(NotFound):
    """The catalogue has no such item."""

    code, title = "unknown_item", "Unknown item"


class UnknownUser(NotFound):
    """Nothing is remembered of this user."""

    code, title = "unknown_user", "Unknown user"


class BodyTooLarge(LrgdError):
    """The request body is over the limit."""

    status, code, title = 413, "body_too_large", "The body is too large"


class UnsupportedMediaType(LrgdError):
    """The body is of a type that this endpoint does not read."""

    status, code, title = 415, "unsupported_media_type", "Unsupported media type"


class RateLimited(LrgdError):
    """Too many requests."""

    status, code, title = 429, "rate_limited", "Too many requests"


class Unavailable(LrgdError):
    """Something that this request cannot do without is down."""

    status, code, title = 503, "unavailable", "Temporarily unavailable"


class StoreDown(Unavailable):
    """Redis or PostgreSQL cannot be reached."""

    code, title = "store_down", "A store is down"


class MemoryUnreadable(Unavailable):
    """What Redis holds of one user cannot be decoded; their memory has to be built anew."""

    code, title = "memory_unreadable", "A memory cannot be read"


class ArtifactError(LrgdError):
    """A fitted artifact is damaged or missing; the detail names the file."""

    code, title = "artifact", "Damaged artifact"


class DatasetError(LrgdError):
    """A data file is malformed; the detail names file and line."""

    code, title = "dataset", "Malformed data"


class StartupError(LrgdError):
    """The process cannot start; the detail says what is missing."""

    code, title = "startup", "Cannot start"
