"""What the invented shop sells; every name is made up."""

from __future__ import annotations

from dataclasses import dataclass

STYLES = ("Moss", "Slate", "Terracotta", "Cobalt", "Sand", "Plum")
TIERS = (("First", 0.6), ("Classic", 1.0), ("Master", 1.9))  # the line within a brand, and what it does to the price


@dataclass(frozen=True, slots=True)
class Department:
    """One part of the shop; `types` stand in the order in which people tend to need them, with a usual price."""

    name: str
    brands: tuple[str, str, str, str]
    types: tuple[tuple[str, float], ...]
    purpose: str


DEPARTMENTS = (
    Department(
        "Coffee & Tea",
        ("Alderwick", "Brightmere", "Corvane", "Dunmarrow"),
        (
            ("Pour-Over Dripper", 24),
            ("Gooseneck Kettle", 59),
            ("Burr Grinder", 119),
            ("Brewing Scale", 45),
            ("Espresso Tamper", 32),
            ("Milk Jug", 19),
        ),
        "for slow mornings",
    ),
    Department(
        "Baking",
        ("Elmsgate", "Farrowby", "Brightmere", "Glimmerton"),
        (
            ("Mixing Bowl Set", 34),
            ("Loaf Tin", 18),
            ("Proving Basket", 22),
            ("Dough Scraper", 9),
            ("Baking Stone", 48),
            ("Cooling Rack", 16),
        ),
        "for bread and cakes at home",
    ),
    Department(
        "Camping",
        ("Harrowfen", "Ivorstead", "Juniperly", "Kelmoor"),
        (
            ("Two-Person Tent", 189),
            ("Sleeping Bag", 99),
            ("Sleeping Mat", 65),
            ("Camp Stove", 54),
            ("Trail Lantern", 29),
            ("Dry Bag", 21),
        ),
        "for nights outdoors",
    ),
    Department(
        "Cycling",
        ("Lindhollow", "Marrowfield", "Kelmoor", "Norvale"),
        (
            ("Commuter Helmet", 69),
            ("Floor Pump", 39),
            ("Puncture Kit", 12),
            ("Pannier Bag", 84),
            ("Front Light", 44),
            ("Chain Care Kit", 27),
        ),
        "for the daily ride",
    ),
    Department(
        "Gardening",
        ("Oakenby", "Pellworth", "Farrowby", "Quillmere"),
        (
            ("Seed Tray", 11),
            ("Hand Trowel", 17),
            ("Pruning Shears", 33),
            ("Watering Can", 28),
            ("Raised Bed", 76),
            ("Compost Bin", 58),
        ),
        "for beds, pots and balconies",
    ),
    Department(
        "Painting",
        ("Rookhaven", "Silverleigh", "Thornbury Lane", "Glimmerton"),
        (
            ("Sketchbook", 14),
            ("Watercolour Set", 36),
            ("Brush Set", 26),
            ("Table Easel", 49),
            ("Stretched Canvas", 23),
            ("Varnish", 15),
        ),
        "for the kitchen table or the studio",
    ),
    Department(
        "Board Games",
        ("Umberfold", "Vexley", "Thornbury Lane", "Wrenfield"),
        (
            ("Card Game", 16),
            ("Family Board Game", 38),
            ("Cooperative Adventure Game", 47),
            ("Strategy Game", 62),
            ("Expansion Box", 31),
            ("Dice Tray", 18),
        ),
        "for two to five players",
    ),
    Department(
        "Knitting",
        ("Yarrowside", "Woolcombe", "Quillmere", "Silverleigh"),
        (
            ("Needle Set", 29),
            ("Merino Yarn", 13),
            ("Stitch Markers", 7),
            ("Yarn Bowl", 25),
            ("Blocking Mat", 34),
            ("Project Bag", 22),
        ),
        "for quiet evenings",
    ),
)
ITEMS_PER_TYPE = 9
