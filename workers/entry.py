"""One entry of a stream, as a worker sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.stores.dead import ADDED
from app.stores.redis import FIELD


@dataclass(frozen=True, slots=True)
class Entry:
    """`entry_id` is Redis's `milliseconds-sequence`, `body` the JSON that was added.

    `first_ms` is when an entry that was driven again was added at first.
    """

    entry_id: str
    body: bytes
    first_ms: int | None = None

    @property
    def added_ms(self) -> int:
        """When it was added, milliseconds since the epoch; for one driven again, when it was added at first."""
        return int(self.entry_id.partition("-")[0]) if self.first_ms is None else self.first_ms


def entry_of(entry_id: bytes, fields: Mapping[bytes, bytes]) -> Entry:
    """The entry in these fields of a stream."""
    first = fields.get(ADDED.encode())
    return Entry(entry_id.decode(), fields[FIELD.encode()], None if first is None else int(first))
