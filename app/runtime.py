"""What every request and every worker is handed: one frozen Runtime, and the two seams with more than one side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from app.domain.demonstration import Demonstration
from app.domain.history import History
from app.domain.path import Perspective
from app.domain.ranking import Ranking, Reason, Task
from app.domain.space import Space
from app.settings import Settings

if TYPE_CHECKING:
    from app.stores.backlog import Backlogs
    from app.stores.catalogue import Catalogue
    from app.stores.dead import DeadLetters
    from app.stores.fits import Fits
    from app.stores.health import Health
    from app.stores.memory import MemoryStore
    from app.stores.outcomes import Outcomes
    from app.stores.streams import Streams


class Ranker(Protocol):
    """Orders candidates; the embedded dual model and popularity now, an LLM behind the same seam."""

    @property
    def name(self) -> str:
        """What `served_by` says."""

    def rank(self, task: Task) -> Ranking:
        """The candidates of a task with their scores."""

    def replay(self, task: Task, demonstrations: Sequence[Demonstration | None]) -> list[Ranking]:
        """The same task under each demonstration; None is the control."""

    def explain(self, task: Task, ranking: Ranking, items: Sequence[int]) -> list[list[Reason]]:
        """The additive parts of these items' scores."""


class Drafter(Protocol):
    """Writes the lines of a demonstration."""

    def draft(self, perspective: Perspective, *, user_id: str, history: History, now: int) -> NDArray[np.void]:
        """Lines of dtype LINE, strongest first; none where the perspective has no evidence."""


@dataclass(frozen=True, slots=True)
class Model:
    """What answers right now: the fitted space with the items changed since, and the rankers over it, best first."""

    space: Space
    rankers: tuple[Ranker, ...]
    retrieve: Callable[..., NDArray[np.int32]]
    fitted: bool  # False until a first artifact has been published
    drafter: Drafter | None = None  # only where demonstrations are written: in worker processes

    def title(self, number: int) -> str | None:
        """The title of an item number, None when the catalogue has no such item."""
        rows = self.space.row_list
        row = rows[number] if 0 <= number < len(rows) else -1
        return self.space.titles[row] if row >= 0 else None

    def item_id(self, number: int) -> str | None:
        """The caller's id of an item number, None when the catalogue has no such item."""
        rows = self.space.row_list
        row = rows[number] if 0 <= number < len(rows) else -1
        return self.space.item_ids[row] if row >= 0 else None


class LiveModel(Protocol):
    """The current model; a newer one takes its place between two requests."""

    @property
    def current(self) -> Model:
        """The model to use for the whole of one request."""

    async def refresh(self) -> bool:
        """Looks for a newer artifact and for changed items; True when the model changed."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """Opened and closed in wiring.py, passed by hand."""

    settings: Settings
    memory: MemoryStore
    streams: Streams
    catalogue: Catalogue
    outcomes: Outcomes
    fits: Fits
    backlogs: Backlogs
    dead: DeadLetters
    health: Health
    live: LiveModel
