"""Items of the catalogue and what users did with them."""

from dataclasses import dataclass
from enum import StrEnum


class EventKind(StrEnum):
    """What a user did with an item."""

    CLICK = "click"
    PURCHASE = "purchase"
    LIKE = "like"
    DISLIKE = "dislike"
    SKIP = "skip"

    @property
    def positive(self) -> bool:
        """True where the event says the user wanted the item."""
        return self in POSITIVE_KINDS

    @property
    def code(self) -> int:
        """The small integer that stands for this kind in packed histories."""
        return KIND_CODES[self]


POSITIVE_KINDS = frozenset({EventKind.CLICK, EventKind.PURCHASE, EventKind.LIKE})
KIND_CODES = {kind: code for code, kind in enumerate(EventKind)}


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that can be recommended."""

    item_id: str
    title: str
    brand: str | None = None
    categories: tuple[str, ...] = ()
    price: float | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """An item as stored: `number` is its stable small integer, `deleted` its tombstone."""

    number: int
    item: Item
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Interaction:
    """One event of one user; (user, item, kind, second) is its identity, so a repeat cannot double."""

    user_id: str
    item: int  # item number
    at: int  # seconds since the epoch
    kind: EventKind = EventKind.PURCHASE
