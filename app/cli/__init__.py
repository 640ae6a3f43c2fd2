"""The command line."""

from __future__ import annotations

import sys

import typer
from pydantic import ValidationError
from rich.console import Console

from app.cli.bench.command import bench
from app.cli.demo import demo
from app.cli.fit import fit
from app.cli.ingest import ingest
from app.cli.inspect import inspect
from app.cli.key import key
from app.cli.migrate import migrate
from app.cli.replay import replay
from app.cli.serve import serve
from app.cli.settings import settings
from app.cli.work import work
from app.errors import LrgdError

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
for command in (demo, serve, work, ingest, fit, replay, bench, inspect, migrate, key, settings):
    cli.command()(command)


def main() -> None:
    """Runs the command; an error that we foresaw ends in one line and exit code 1."""
    try:
        cli()
    except LrgdError as error:
        Console(stderr=True).print(f"lrgd: {error.detail}", style="red", markup=False, highlight=False)
        sys.exit(1)
    except ValidationError as error:
        for fault in error.errors():
            name = "_".join(str(part) for part in fault["loc"]).upper() or "settings"
            Console(stderr=True).print(f"lrgd: LRGD_{name}: {fault['msg']}", style="red", markup=False, highlight=False)
        sys.exit(1)
