"""How long `lrgd demo` takes until it answers, on an empty home and on one that was used before."""

from __future__ import annotations

import time
from pathlib import Path

from app.cli.bench.figures import Figure, at_most
from app.cli.bench.workbench import Workbench, free_port, wait_ready
from app.settings import Settings

TARGET_S = 8.0


def run(workbench: Workbench) -> list[Figure]:
    """Seconds from starting the command to its first /readyz, twice on one home."""
    with workbench.home() as home:
        first, second = _boot(workbench, home), _boot(workbench, home)
    return [
        Figure("first start: migrate, load the sample, fit", first, "s"),
        at_most("second start", second, TARGET_S, "s"),
    ]


def _boot(workbench: Workbench, home: Path) -> float:
    port = free_port()
    settings = Settings(home=home, redis_url=None, database_url=None, artifacts=None)
    begun = time.monotonic()
    with workbench.child(settings, "demo", "--home", str(home / "demo"), "--port", str(port)) as process:
        wait_ready(f"http://127.0.0.1:{port}", process)
        return time.monotonic() - begun
