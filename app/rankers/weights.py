"""The constants of the embedded rankers, chosen on validation events only (section 7) [O]."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DualWeights:
    """What each part of a score counts; one set for all deployments, until feedback has taught better ones.

    A line brings its own weight, the learning rate eta of its perspective included (the drafter multiplies it in), so
    `lines` only scales all of them together.
    """

    events: int = 20  # newest events that are looked at
    gamma: float = 0.8  # what an event counts against the next newer one
    tau: float = 0.3  # temperature of the collaborative kernel
    text: float = 0.3  # what likeness of text counts beside it
    tau_text: float = 0.3
    popularity: float = 0.01  # a standard deviation of log popularity
    trend: float = 0.01  # a unit of log(1 + interactions of the last 90 days)
    lines: float = 1.0
