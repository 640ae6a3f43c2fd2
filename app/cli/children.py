"""The API and the workers of a demo: started, restarted when they fall, stopped together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from rich.console import Console

from app.cli.orphan import PARENT
from app.cli.servers import environment
from app.errors import StartupError
from app.settings import Settings

COMMANDS = {"api": ("serve",), "workers": ("work",)}
LOOK_S = 0.2
REST_S = 1.0  # before a child that fell is started again
STOP_S = 20.0
TAIL_LINES = 15


class Children:
    """`with Children(settings) as children:` runs them until the block ends."""

    def __init__(self, settings: Settings, console: Console) -> None:
        self._settings = settings
        self._console = console
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        for name in COMMANDS:
            self._running[name] = self._start(name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._running.values():
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_S
        for child in self._running.values():
            try:
                child.wait(timeout=max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def log(self, name: str) -> Path:
        """Where a child's log goes."""
        return self._settings.home / "log" / f"{name}.log"

    def check(self) -> None:
        """Raises StartupError, with the end of its log, when a child has ended."""
        for name, child in self._running.items():
            if child.poll() is not None:
                tail = "\n".join(self.log(name).read_text(errors="replace").splitlines()[-TAIL_LINES:])
                raise StartupError(
                    f"the {name} ended with code {child.returncode}; the end of {self.log(name)}:\n{tail}"
                )

    def watch(self) -> None:
        """Starts again what falls, until interrupted."""
        while True:
            time.sleep(LOOK_S)
            for name, child in self._running.items():
                if child.poll() is not None:
                    self._console.print(
                        f"the {name} ended with code {child.returncode}, starting again; see {self.log(name)}"
                    )
                    time.sleep(REST_S)
                    self._running[name] = self._start(name)

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        with self._log_file(name) as output:
            # a group of their own: Ctrl-C reaches us alone, and we stop them in order
            return subprocess.Popen(
                [sys.executable, "-m", "app.cli", *COMMANDS[name]],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(self._settings) | {PARENT: str(os.getpid())},
                process_group=0,
            )

    def _log_file(self, name: str) -> IO[bytes]:
        self.log(name).parent.mkdir(parents=True, exist_ok=True)
        return self.log(name).open("ab")
