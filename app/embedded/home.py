"""The data folder: held by one process at a time, readable by the account its servers run as."""

import fcntl
import os
import pwd
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from app.errors import StartupError

SYSTEM_USER = "lrgd"
READ = 0o444
TRAVERSE = 0o001
LATE_SECONDS = 5.0  # for the lock of a process that is no more
POLL = 0.01  # seconds


@dataclass(frozen=True, slots=True)
class Account:
    """A user the servers run as instead of root, which PostgreSQL refuses to be."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Home:
    """Paths of a data folder that this process holds."""

    root: Path
    account: Account | None  # None: the servers run as whoever runs us

    @property
    def valkey(self) -> Path:
        """Valkey's append-only file."""
        return self.root / "valkey"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's cluster, complete since it is renamed into place."""
        return self.root / "postgres"

    @property
    def unfinished(self) -> Path:
        """Where a cluster is made; what lies here at a start was interrupted."""
        return self.root / "postgres.new"

    @property
    def data_folders(self) -> tuple[Path, ...]:
        """Every folder that a server of ours works in."""
        return self.valkey, self.postgres, self.unfinished

    def log(self, server: str) -> Path:
        """The log file of a server, in a folder made for it."""
        file = self.root / "log" / f"{server}.log"
        file.parent.mkdir(exist_ok=True)
        file.touch()
        _give_to_owner(self.root, file.parent)
        _give_to_owner(self.root, file)
        return file

    def private(self, folder: Path) -> Path:
        """`folder`, made if missing, for the servers' account alone."""
        folder.mkdir(mode=0o700, exist_ok=True)
        account = self.account
        if account is None:
            return folder
        make_reachable(folder)
        if folder.stat().st_uid != account.uid:  # new, or a copy that root made
            for path in (folder, *folder.rglob("*")):
                os.chown(path, account.uid, account.gid, follow_symlinks=False)
        return folder


@contextmanager
def open_home(root: Path) -> Iterator[Home]:
    """The data folder, made if missing and held until the block ends; StartupError if another process holds it."""
    root = root.expanduser().resolve()
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = (root / "lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise StartupError(f"the data folder {root} cannot be written: {error.strerror}") from error
    with lock:
        _hold(lock, root)
        _give_to_owner(root, root / "lock")
        yield Home(root=root, account=_account(root))


def is_held(root: Path) -> bool:
    """Whether a living process holds this data folder."""
    try:
        lock = (root.expanduser() / "lock").open("rb")
    except (FileNotFoundError, NotADirectoryError):
        return False
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def make_reachable(path: Path) -> None:
    """Lets every user pass through the folders above `path`; what is in them stays as private as it was."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & TRAVERSE:
            folder.chmod(mode | TRAVERSE)


def make_readable(tree: Path) -> None:
    """Lets every user read and run what was installed in `tree`, which a strict umask may have kept to root."""
    make_reachable(tree)
    if not tree.exists() or tree.stat().st_mode & TRAVERSE:
        return
    for path in (tree, *tree.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(mode | READ | (TRAVERSE if mode & 0o100 else 0))


def _hold(lock: IO[str], root: Path) -> None:
    """Takes the lock and writes our process id into it, for the error of whoever comes second."""
    deadline = time.monotonic() + LATE_SECONDS
    # flock goes with the process, however it ends; children do not inherit it, Python's files close on exec
    while not _locked(lock):
        lock.seek(0)
        holder = lock.read().strip()
        # a holder that was killed while starting a server leaves the lock to that child until it is started
        if _lives(holder) or time.monotonic() > deadline:
            raise StartupError(f"the data folder {root} is in use by process {holder or 'unknown'}: stop it first")
        time.sleep(POLL)
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()


def _locked(lock: IO[str]) -> bool:
    """Whether the lock is ours now."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lives(holder: str) -> bool:
    """Whether a process id names a live process."""
    return holder.isdigit() and psutil.pid_exists(int(holder))


def _account(root: Path) -> Account | None:
    """Under root: the folder's owner, or else a system user, created when missing."""
    if os.geteuid() != 0:
        return None
    owner = root.stat()
    if owner.st_uid != 0:
        return Account(uid=owner.st_uid, gid=owner.st_gid)
    entry = _system_user()
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)


def _system_user() -> pwd.struct_passwd:
    """The entry of the system user `lrgd`; two processes may create it at once."""
    with suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    options = ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin"]
    try:
        outcome = subprocess.run(["useradd", *options, SYSTEM_USER], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise StartupError(f"PostgreSQL cannot run as root: create a system user named {SYSTEM_USER}") from error
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError as error:
        raise StartupError(f"the system user {SYSTEM_USER} cannot be created: {outcome.stderr.strip()}") from error


def _give_to_owner(root: Path, path: Path) -> None:
    """Leaves what root makes in an ordinary user's folder to that user, who comes back without root."""
    if os.geteuid() == 0:
        owner = root.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
