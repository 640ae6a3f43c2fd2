"""`lrgd bench`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, cast

import orjson
import typer
from rich.console import Console

from app.cli.bench.figures import Figure, show
from app.cli.bench.workbench import Workbench
from app.errors import LrgdError
from app.log import configure_logging

Run = Callable[[Workbench], list[Figure]]


class Section(StrEnum):
    """What can be measured; each is a module of this package with a function `run`."""

    SERVE = "serve"
    MEMORY = "memory"
    SCORER = "scorer"
    BOOT = "boot"
    FIT = "fit"
    QUALITY = "quality"


NEED_DATA = frozenset({Section.FIT, Section.QUALITY})


def bench(
    names: Annotated[list[Section] | None, typer.Argument(help="Which; all of them when none is named.")] = None,
    data: Annotated[list[Path] | None, typer.Option(help="A data set for fit and quality; may be repeated.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write all figures here.")] = None,
) -> None:
    """Measures this machine against the targets, on temporary servers."""
    configure_logging("console", "warning")
    chosen = names or [section for section in Section if data or section not in NEED_DATA]
    if not data and (lacking := NEED_DATA & set(chosen)):
        raise typer.BadParameter(f"{', '.join(sorted(lacking))} needs --data DIR")
    workbench = Workbench(Console(stderr=True, soft_wrap=True), tuple(data or ()))
    found: dict[str, list[Figure]] = {}  # by the plain name: orjson takes no other keys
    failed = False
    for section in dict.fromkeys(chosen):
        try:
            found[section.value] = _run(section)(workbench)
        except LrgdError as error:
            workbench.console.print(f"{section}: {error.detail}", style="red", markup=False)
            failed = True
            continue
        show(Console(), section, found[section.value])
    if json is not None:
        figures = {name: [asdict(figure) for figure in each] for name, each in found.items()}
        json.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    if failed:
        raise typer.Exit(1)


def _run(section: Section) -> Run:
    """The section's function; its module is read only when it is wanted."""
    return cast("Run", importlib.import_module(f"app.cli.bench.{section}").run)
