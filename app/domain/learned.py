"""What became known of one user in one step."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.impression import Outcome
from app.domain.items import Interaction
from app.domain.round import DraftedDemonstration, Round


@dataclass(frozen=True, slots=True)
class Learned:
    """An outcome with the interaction it adds, or demonstrations with their rounds: for the recorder to write down."""

    user_id: str
    outcome: Outcome | None = None
    interaction: Interaction | None = None
    demonstrations: tuple[DraftedDemonstration, ...] = ()
    rounds: tuple[Round, ...] = ()
