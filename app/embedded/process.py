"""Server processes: started apart from our terminal, found again after a crash, stopped for certain."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from app.embedded.home import Home
from app.errors import StartupError

PROGRAMS = frozenset({"valkey-server", "postgres", "initdb"})
# What a server is told, and the seconds it then gets: finish cleanly, leave at once, die.
FAREWELLS = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
POLL = 0.01  # seconds
TAIL_LINES = 20


@dataclass(frozen=True, slots=True)
class Child:
    """A server process of ours, and where in its log this run begins."""

    process: subprocess.Popen[bytes]
    log: Path
    log_start: int

    def said(self) -> str:
        """The end of what this run has logged."""
        with self.log.open("rb") as log:
            log.seek(self.log_start)
            lines = log.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])

    def failure(self, what: str) -> StartupError:
        """The error that says `what` went wrong, with the end of the log."""
        return StartupError(f"{what}; the end of {self.log}:\n{self.said()}")

    def stop(self) -> None:
        """Ends the process and all it started."""
        if self.process.poll() is None:  # not waited for yet, so the id is still its own
            process = psutil.Process(self.process.pid)
            stop([process, *process.children(recursive=True)])
            self.process.wait()


def spawn(home: Home, command: Sequence[str], *, log: Path, folder: Path, stdin: IO[bytes] | None = None) -> Child:
    """A server working in `folder`, in a session of its own so that Ctrl-C reaches only us."""
    account = home.account
    with log.open("ab") as output:
        start = output.tell()
        process = subprocess.Popen(
            command,
            stdin=stdin or subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=_environment(),
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    return Child(process=process, log=log, log_start=start)


def wait_until(ready: Callable[[], bool], child: Child, *, seconds: float) -> bool:
    """True as soon as `ready`; False when the process ended first or the time is up."""
    deadline = time.monotonic() + seconds
    while child.process.poll() is None and time.monotonic() < deadline:
        if ready():
            return True
        time.sleep(POLL)
    return False


def leftovers(folders: Iterable[Path]) -> list[psutil.Process]:
    """Servers that still work in these folders: what a parent that was killed left behind.

    Asked of the live processes rather than of a file of process ids: no id can have passed to a stranger, and a
    server whose parent died before it could write anything down is found as well. The caller holds the folder.
    """
    wanted = frozenset(str(folder) for folder in folders)
    return [process for process in psutil.process_iter() if _works_in(process, wanted)]


def stop(processes: Sequence[psutil.Process]) -> None:
    """Ends the processes, each step less politely; StartupError if one survives even that."""
    alive = list(processes)
    for farewell, seconds in FAREWELLS:
        for process in _outermost(alive) if farewell is not signal.SIGKILL else alive:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(farewell)
        alive = _remaining(alive, seconds=seconds)
        if not alive:
            return
    raise StartupError(f"these server processes cannot be stopped: {[process.pid for process in alive]}")


def _remaining(processes: Sequence[psutil.Process], *, seconds: float) -> list[psutil.Process]:
    """Those that still run when the time is up; none as soon as all have ended."""
    deadline = time.monotonic() + seconds
    alive = list(processes)
    while alive := [process for process in alive if not _ended(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(POLL)
    return alive


def _ended(process: psutil.Process) -> bool:
    """Whether it runs no more; in a container a zombie may stay for ever, as nobody asks for its exit status."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _outermost(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """The processes whose parent is not among them: a postmaster tells its own children."""
    ids = {process.pid for process in processes}
    roots = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if process.ppid() not in ids:
                roots.append(process)
    return roots


def _works_in(process: psutil.Process, folders: frozenset[str]) -> bool:
    """Whether this is a server program with one of the folders on its command line or as its working directory."""
    try:
        if process.name() not in PROGRAMS or _ended(process):
            return False
        # PostgreSQL's own children rewrite their command line but stay in the folder
        return not folders.isdisjoint(process.cmdline()) or process.cwd() in folders
    except psutil.Error:  # ended meanwhile, or another user's
        return False


def _environment() -> Mapping[str, str]:
    """What the servers see of ours: none of the PG* variables or locales that would change what they do."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
