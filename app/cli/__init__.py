"""The command line: `lrgd COMMAND`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

import typer
from pydantic import ValidationError
from rich.console import Console

from app.errors import LrgdError

COMMANDS = {
    "demo": "app.cli.demo",
    "serve": "app.cli.serve",
    "work": "app.cli.work",
    "ingest": "app.cli.ingest",
    "fit": "app.cli.fit",
    "replay": "app.cli.replay",
    "bench": "app.cli.bench.command",
    "inspect": "app.cli.inspect",
    "migrate": "app.cli.migrate",
    "key": "app.cli.key",
    "settings": "app.cli.settings",
}


def main() -> None:
    """Runs the command; an error that we foresaw ends in one line and exit code 1."""
    try:
        command_line(sys.argv[1:])()
    except LrgdError as error:
        _complain(error.detail)
    except ValidationError as error:
        _complain(*(_worded(fault["loc"], fault["msg"]) for fault in error.errors()))


def command_line(arguments: Sequence[str]) -> typer.Typer:
    """The command that these arguments name, or all of them: each brings seconds of imports that others need not."""
    cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    cli.callback(help="An online recommender that learns in context.")(_together)
    named = arguments[0] if arguments and arguments[0] in COMMANDS else None
    for name, module in COMMANDS.items():
        if named in {None, name}:
            cli.command(name)(getattr(import_module(module), name))
    return cli


def _together() -> None:
    """Keeps a lone command under its name."""


def _worded(place: tuple[int | str, ...], message: str) -> str:
    plain = message.removeprefix("Value error, ")
    return f"LRGD_{str(place[0]).upper()}: {plain}" if place else plain


def _complain(*details: str) -> None:
    for detail in details:
        Console(stderr=True, soft_wrap=True).print(f"lrgd: {detail}", style="red", markup=False, highlight=False)
    sys.exit(1)
