"""One entry of a stream, as a worker sees it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """`entry_id` is Redis's `milliseconds-sequence`, `body` the JSON that was added."""

    entry_id: str
    body: bytes

    @property
    def added_ms(self) -> int:
        """When it was added, milliseconds since the epoch."""
        return int(self.entry_id.partition("-")[0])
