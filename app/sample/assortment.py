"""The items of the invented shop, and the attributes behind their titles."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from app.domain.items import Item
from app.sample.words import DEPARTMENTS, ITEMS_PER_TYPE, STYLES, TIERS, Department

_NEW = 0.12  # the share of items that arrive in the second half of the shop's time
_UNWANTED = 0.03  # the share that nobody ever buys
_SKEW = 0.7  # how much more the popular ones are wanted


@dataclass(frozen=True, slots=True)
class Assortment:
    """N items with their attributes, [N] each; `stage` is the place of an item's type in its department."""

    items: tuple[Item, ...]
    department: NDArray[np.int64]
    stage: NDArray[np.int64]
    brand: NDArray[np.int64]  # over all departments
    tier: NDArray[np.int64]
    style: NDArray[np.int64]
    fame: NDArray[np.float64]  # log of how much everybody wants it, -inf for what nobody does
    arrives: NDArray[np.float64]  # when it can first be bought, in the shop's time from 0 to 1

    def __len__(self) -> int:
        return len(self.items)


def brands() -> list[str]:
    """All brands of the shop; several are in two departments."""
    return sorted({brand for department in DEPARTMENTS for brand in department.brands})


def make_assortment(rng: np.random.Generator) -> Assortment:
    """The same items for the same state of the generator."""
    items: list[Item] = []
    attributes: list[tuple[int, int, int, int, int]] = []
    brand_index = {brand: index for index, brand in enumerate(brands())}
    for place, department in enumerate(DEPARTMENTS):
        for stage in range(len(department.types)):
            variants = list(product(range(len(department.brands)), range(len(TIERS)), range(len(STYLES))))
            for chosen in rng.permutation(len(variants))[:ITEMS_PER_TYPE]:
                brand, tier, style = variants[chosen]
                attributes.append((place, stage, brand_index[department.brands[brand]], tier, style))
                items.append(_item(len(items), department, stage, brand, tier, style, rng))
    departments, stages, makers, tiers, styles = np.array(attributes, dtype=np.int64).T
    size = len(items)
    fame = -_SKEW * np.log1p(rng.permutation(size))
    fame[rng.random(size) < _UNWANTED] = -np.inf
    late = rng.random(size) < _NEW
    return Assortment(
        items=tuple(items),
        department=departments,
        stage=stages,
        brand=makers,
        tier=tiers,
        style=styles,
        fame=fame,
        arrives=np.where(late, rng.uniform(0.5, 0.98, size), 0.0),
    )


def _item(
    index: int, department: Department, stage: int, brand: int, tier: int, style: int, rng: np.random.Generator
) -> Item:
    kind, usual = department.types[stage]
    line, factor = TIERS[tier]
    price = max(round(usual * factor * float(rng.uniform(0.85, 1.15))), 3) - 0.05
    return Item(
        item_id=f"s{index:03d}",
        title=f"{department.brands[brand]} {line} {kind}, {STYLES[style]}",
        brand=department.brands[brand],
        categories=(department.name, kind),
        price=round(price, 2),
        description=f"{kind} of the {line} line in {STYLES[style].lower()}, {department.purpose}.",
    )
