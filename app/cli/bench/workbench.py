"""Where a section works: servers and processes of its own on a temporary home, gone when it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console

from app.cli.fit import fit_now
from app.cli.ingest import ingest_folder
from app.cli.orphan import PARENT
from app.cli.servers import environment, servers
from app.errors import StartupError
from app.sample import write_shop
from app.settings import Settings
from app.stores.catalogue import Catalogue
from app.stores.database import open_engine

READY_S = 60.0
STOP_S = 30.0
LOOK_S = 0.02
TAIL = 2000  # characters of a log


@dataclass(frozen=True, slots=True)
class Workbench:
    """What every section is handed: where to say what it does, and the data sets to work on."""

    console: Console
    data: tuple[Path, ...] = ()

    def say(self, text: str) -> None:
        """Tells what is going on."""
        self.console.print(text, style="dim", markup=False, highlight=False)

    @contextmanager
    def home(self) -> Iterator[Path]:
        """An empty folder."""
        with tempfile.TemporaryDirectory(prefix="lrgd-bench-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    @contextmanager
    def servers(self) -> Iterator[Settings]:
        """Settings with the addresses of empty servers, whatever the environment says."""
        with self.home() as home:
            own = Settings(
                home=home,
                redis_url=None,
                database_url=None,
                artifacts=None,
                host="127.0.0.1",
                port=free_port(),
                auth="off",
                rate_limit="",
                log_level="warning",
            )
            with servers(own) as located:
                yield located

    @contextmanager
    def child(self, settings: Settings, *command: str, core: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
        """An `lrgd` command in a process of its own, on one core when that is said; stopped with the block."""
        log = settings.home / f"{command[0]}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(settings) | {PARENT: str(os.getpid())},
                process_group=0,
            )
        if core is not None:
            pin(process.pid, core)
        try:
            yield process
        except StartupError as error:
            raise StartupError(f"{error.detail}\n{log.read_text(errors='replace')[-TAIL:]}") from error
        finally:
            stop(process)

    @contextmanager
    def api(self, settings: Settings) -> Iterator[str]:
        """The address of a running API."""
        with self.child(settings, "serve") as process:
            url = f"http://{settings.host}:{settings.port}"
            wait_ready(url, process)
            yield url


async def loaded(settings: Settings, folder: Path | None) -> None:
    """Fills the database with a data set's training rows (None: the sample shop) and fits it."""
    engine = open_engine(str(settings.database_url), pool_size=3)
    try:
        with tempfile.TemporaryDirectory() as place:
            await ingest_folder(folder or write_shop(Path(place), now=int(time.time())), Catalogue(engine))
    finally:
        await engine.dispose()
    await fit_now(settings)


def wait_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    """Returns once /readyz says so; raises StartupError when it does not or the process ends."""
    ends = time.monotonic() + READY_S
    with httpx.Client(timeout=2.0) as client:
        while time.monotonic() < ends:
            if process.poll() is not None:
                raise StartupError(f"the process ended with code {process.returncode}")
            with suppress(httpx.TransportError):
                if client.get(f"{url}/readyz").status_code == httpx.codes.OK:
                    return
            time.sleep(LOOK_S)
    raise StartupError(f"{url} is not ready after {READY_S:.0f} s")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a process, politely first."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def pin(pid: int, core: int) -> None:
    """Keeps a process on one of the cores that we may use, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(pid, {allowed[core % len(allowed)]})


def cpu_seconds(pid: int) -> float | None:
    """Processor time that a running process has used; None where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
