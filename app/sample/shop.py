"""The invented shop with two years of purchases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.domain.items import Item
from app.sample.assortment import Assortment, make_assortment
from app.sample.shoppers import Shopper, appeal, chances, make_shopper

SHOPPERS = 1500
SPAN_S = 2 * 365 * 86_400  # the shop's time from 0 to 1
FEWEST = 5  # purchases of a shopper
_SESSION_GOES_ON = 0.55
_PAUSE_S = 240.0  # the mean pause within a session


@dataclass(frozen=True, slots=True)
class Purchase:
    """One interaction; `item` is the item's index, `split` says what measuring uses it for."""

    user_id: str
    item: int
    at: int  # seconds since the epoch
    split: str


@dataclass(frozen=True, slots=True)
class Shop:
    """Items, purchases by user and time, and the true tastes behind them."""

    assortment: Assortment
    shoppers: tuple[Shopper, ...]
    interactions: tuple[Purchase, ...]
    opened_at: int  # seconds since the epoch

    @property
    def items(self) -> tuple[Item, ...]:
        """The items; a purchase's `item` is an index into them."""
        return self.assortment.items

    def time(self, second: int) -> float:
        """A second since the epoch in the shop's time, 0 at its opening and 1 at `now`."""
        return (second - self.opened_at) / SPAN_S


def make_shop(seed: int, now: int) -> Shop:
    """The same shop for the same seed; its times end before `now` (seconds since the epoch)."""
    rng = np.random.default_rng(seed)
    assortment = make_assortment(rng)
    shoppers = tuple(make_shopper(f"u{index:04d}", rng) for index in range(SHOPPERS))
    opened_at = now - SPAN_S
    interactions: list[Purchase] = []
    for shopper in shoppers:
        bought = _purchases(assortment, shopper, rng)
        splits = ["train"] * (len(bought) - 2) + ["valid", "test"]
        interactions += [
            Purchase(shopper.user_id, item, opened_at + second, split)
            for (item, second), split in zip(bought, splits, strict=True)
        ]
    return Shop(assortment, shoppers, tuple(interactions), opened_at)


def _purchases(assortment: Assortment, shopper: Shopper, rng: np.random.Generator) -> list[tuple[int, int]]:
    """What a shopper bought and when, in seconds after the opening; times ascend strictly."""
    bought: list[tuple[int, int]] = []
    second = float(rng.uniform(0.0, 0.7) * SPAN_S)
    visits = 0
    while visits < shopper.sessions or len(bought) < FEWEST:
        visits += 1
        _session(assortment, shopper, rng, bought, second)
        last = bought[-1][1] if bought else second
        left = 0.999 * SPAN_S - last
        second = last + min(float(rng.exponential(30 * 86_400)) + 3600, 0.2 * left)
    return bought


def _session(
    assortment: Assortment, shopper: Shopper, rng: np.random.Generator, bought: list[tuple[int, int]], second: float
) -> None:
    """Adds the purchases of one visit, all in one department."""
    at = second / SPAN_S
    department = int(rng.choice(len(shopper.before), p=shopper.interest(at)))
    while True:
        history = [item for item, _ in bought]
        scores = appeal(assortment, shopper, history, at, department=department)
        if np.isneginf(scores).all():  # everything there is theirs already
            return
        item = int(rng.choice(len(assortment), p=chances(scores)))
        bought.append((item, max(int(second), bought[-1][1] + 1 if bought else 0)))
        if rng.random() > _SESSION_GOES_ON:
            return
        second += 10 + float(rng.exponential(_PAUSE_S))
