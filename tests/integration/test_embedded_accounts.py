"""The bundled servers under root and under ordinary users."""

import os
import pwd
import signal
from pathlib import Path

import pytest

from app.embedded import embedded_servers
from tests.embedded import parent_of, read, running, write


@pytest.fixture(scope="module")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "home"
    with embedded_servers(folder) as servers:
        write(servers)
    return folder


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_runs_the_servers_under_its_own_name(tmp_path: Path, made_home: Path) -> None:
    assert made_home.exists()  # a start by root has opened the way to the bundled programs
    nobody = pwd.getpwnam("nobody")
    for folder in (tmp_path, *tmp_path.parents):
        folder.chmod(folder.stat().st_mode | 0o011)
    os.chown(tmp_path, nobody.pw_uid, nobody.pw_gid)
    user = str(nobody.pw_uid), str(nobody.pw_gid)
    with parent_of(tmp_path / "home", *user) as (_, servers):
        write(servers)
        assert {process.uids().real for process in running(tmp_path / "home")} == {nobody.pw_uid}
    # root on the folder of an ordinary user serves as that user, and leaves them what they need to go on
    with embedded_servers(tmp_path / "home") as servers:
        assert read(servers) == ("yes", "yes")
    with parent_of(tmp_path / "home", *user) as (parent, servers):
        assert read(servers) == ("yes", "yes")
        parent.send_signal(signal.SIGINT)
        assert parent.wait(timeout=20) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="as an ordinary user the servers run as that user")
def test_under_root_the_servers_run_as_a_system_user(made_home: Path) -> None:
    with embedded_servers(made_home):
        assert {process.username() for process in running(made_home)} == {"lrgd"}
