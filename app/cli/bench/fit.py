"""What loading and fitting a data set costs, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from app.cli.bench.figures import Figure, at_most
from app.cli.bench.workbench import TAIL, Workbench
from app.cli.servers import environment
from app.errors import StartupError
from app.settings import Settings

TARGET_S = 60.0
TARGET_MB = 2048.0
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes of ru_maxrss


@dataclass(frozen=True, slots=True)
class _Cost:
    """Wall seconds and the largest resident set, MB."""

    seconds: float
    peak_mb: float


def run(workbench: Workbench) -> list[Figure]:
    """Seconds and peak memory of `lrgd ingest` and `lrgd fit` for each data set."""
    figures: list[Figure] = []
    for folder in workbench.data:
        workbench.say(f"ingest and fit {folder}")
        with workbench.servers() as settings:
            ingest = _cost(settings, "ingest", str(folder))
            fit = _cost(settings, "fit")
        figures += [
            at_most(f"{folder.name}: ingest and fit", ingest.seconds + fit.seconds, TARGET_S, "s"),
            Figure(f"{folder.name}: of that, fit", fit.seconds, "s"),
            at_most(f"{folder.name}: peak memory, ingest", ingest.peak_mb, TARGET_MB, "MB"),
            at_most(f"{folder.name}: peak memory, fit", fit.peak_mb, TARGET_MB, "MB"),
        ]
    return figures


def _cost(settings: Settings, *command: str) -> _Cost:
    log: Path = settings.home / f"{command[0]}.log"
    begun = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(settings),
        )
        _, status, used = os.wait4(process.pid, 0)  # the only way to learn one child's peak
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise StartupError(f"lrgd {command[0]} ended with code {process.returncode}:\n{log.read_text()[-TAIL:]}")
    return _Cost(time.monotonic() - begun, used.ru_maxrss * _RSS_UNIT / 2**20)
