"""What a section of the bench found: figures, their targets, and whether those were met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number; `target` in words and `met` are None where nothing was promised."""

    name: str
    value: float | int | None
    unit: str = ""
    target: str | None = None
    met: bool | None = None
    spread: float | None = None  # half of a 95 % interval
    column: str | None = None  # figures of one name stand side by side under their columns


def at_least(name: str, value: float, target: float, unit: str = "") -> Figure:
    """A figure that should not be lower."""
    return Figure(name, value, unit, f">= {target:,g}", value >= target)


def at_most(name: str, value: float, target: float, unit: str = "") -> Figure:
    """A figure that should not be higher."""
    return Figure(name, value, unit, f"<= {target:,g}", value <= target)


def show(console: Console, section: str, figures: Sequence[Figure]) -> None:
    """Prints the table of a section."""
    columns = list(dict.fromkeys(figure.column for figure in figures if figure.column is not None))
    if columns:
        _show_columns(console, section, figures, columns)
        return
    table = Table(section, "measured", "", "target", "met")
    for figure in figures:
        met = "" if figure.met is None else "yes" if figure.met else "[red]no[/red]"
        table.add_row(figure.name, _value(figure), figure.unit, figure.target or "", met)
    console.print(table)


def _show_columns(console: Console, section: str, figures: Sequence[Figure], columns: Sequence[str]) -> None:
    table = Table(section, *columns)
    found = {(figure.name, figure.column): _value(figure) for figure in figures}
    for name in dict.fromkeys(figure.name for figure in figures):
        table.add_row(name, *(found.get((name, column), "") for column in columns))
    console.print(table)


def _value(figure: Figure) -> str:
    if figure.value is None:
        return "-"
    text = f"{figure.value:,}" if isinstance(figure.value, int) else f"{figure.value:,.{_digits(figure.value)}f}"
    return text if figure.spread is None else f"{text} ± {figure.spread:.3f}"


def _digits(value: float) -> int:
    """Digits after the point: three for ratios and seconds, fewer the larger it is."""
    return 3 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
