"""The bundled servers start, stop, keep their data through every way of dying, and leave nobody behind."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from app.embedded import embedded_servers, valkey
from app.errors import StartupError
from tests.embedded import client, connect, eventually, parent_of, read, running, starting, write


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    assert running(tmp_path / "home") == []


@pytest.fixture(scope="module")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "home"
    with embedded_servers(folder) as servers:
        write(servers)
    return folder


def test_both_servers_answer_and_keep_their_data_for_the_next_start(home: Path) -> None:
    with embedded_servers(home) as servers:
        write(servers)
        assert len(running(home)) > 2
    assert running(home) == []
    with embedded_servers(home) as servers:
        assert read(servers) == ("yes", "yes")


def test_postgres_is_safe_and_modest(home: Path) -> None:
    with embedded_servers(home, redis=False) as servers, connect(servers) as connection:
        assert servers.redis_url == ""
        settings = {
            name: connection.execute(f"SHOW {name}").fetchone()
            for name in ("fsync", "full_page_writes", "shared_buffers", "max_connections", "listen_addresses")
        }
    assert settings == {
        "fsync": ("on",),
        "full_page_writes": ("on",),
        "shared_buffers": ("128MB",),
        "max_connections": ("50",),
        "listen_addresses": ("",),
    }


def test_valkey_alone_listens_on_loopback_and_appends(home: Path) -> None:
    with embedded_servers(home, postgres=False) as servers:
        assert servers.database_url == ""
        assert servers.redis_url.startswith("redis://127.0.0.1:")
        with client(servers) as store:
            assert store.config_get("appendonly") == {"appendonly": "yes"}
            assert store.config_get("bind") == {"bind": "127.0.0.1"}


def test_data_survives_kill_9_of_the_servers(home: Path) -> None:
    with embedded_servers(home) as servers:
        write(servers)
        for process in running(home):
            process.kill()
    with embedded_servers(home) as servers:
        assert read(servers) == ("yes", "yes")


def test_data_survives_kill_9_of_a_postmaster_whose_backends_are_busy(home: Path) -> None:
    with parent_of(home) as (parent, servers):
        write(servers)
        with closing(connect(servers)) as busy, closing(connect(servers)) as watcher:
            busy.pgconn.send_query(b"SELECT pg_sleep(60)")
            active = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            eventually(lambda: watcher.execute(active).fetchone() == (1,))
            pid = int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0])
            psutil.Process(pid).kill()
            parent.kill()
            parent.wait()
            with embedded_servers(home) as restarted:
                assert read(restarted) == ("yes", "yes")


def test_orphans_of_a_killed_parent_are_stopped_and_their_data_kept(home: Path) -> None:
    with parent_of(home) as (_, parents_servers):
        write(parents_servers)
    orphans = running(home)
    assert len(orphans) > 2
    with embedded_servers(home) as servers:
        assert not {process.pid for process in orphans} & {process.pid for process in running(home)}
        assert read(servers) == ("yes", "yes")


@pytest.mark.parametrize("moment", ["postgres.new", "postgres.new/PG_VERSION", "postgres.new/global/pg_control"])
def test_an_interrupted_first_start_is_begun_again(home: Path, moment: str) -> None:
    with starting(home):
        eventually((home / moment).exists)
    with embedded_servers(home) as servers:
        write(servers)
        assert read(servers) == ("yes", "yes")
    assert not (home / "postgres.new").exists()


def test_a_second_start_on_the_same_home_names_the_home_and_its_holder(home: Path) -> None:
    with parent_of(home) as (parent, servers):
        with pytest.raises(StartupError) as caught, embedded_servers(home):
            pytest.fail("two owners of one folder")
        assert str(home) in caught.value.detail
        assert str(parent.pid) in caught.value.detail
        with client(servers) as store:
            assert store.ping()
        parent.send_signal(signal.SIGINT)
        assert parent.wait(timeout=20) == 0


def test_ctrl_c_reaches_only_the_parent_which_stops_the_servers(home: Path) -> None:
    with parent_of(home) as (parent, _):
        assert all(os.getsid(server.pid) != parent.pid for server in running(home))
        os.killpg(parent.pid, signal.SIGINT)
        assert parent.wait(timeout=20) == 0
    assert running(home) == []
    assert "database system is shut down" in (home / "log" / "postgres.log").read_text()


def test_a_stale_process_id_that_is_now_a_strangers_hinders_nobody(made_home: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        stale = [str(stranger.pid), str(made_home / "postgres"), "1", "5432", "", "", "0 0", "ready"]
        (made_home / "postgres" / "postmaster.pid").write_text("\n".join(stale))
        with embedded_servers(made_home) as servers:
            assert read(servers) == ("yes", "yes")
        assert stranger.poll() is None
        stranger.kill()


def test_a_program_that_only_names_the_folder_is_left_alone(made_home: Path) -> None:
    script = "import sys; sys.stdin.read()"
    command = [sys.executable, "-c", script, str(made_home / "postgres"), str(made_home / "valkey")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, cwd=made_home) as editor, embedded_servers(made_home):
        assert editor.poll() is None


def test_a_port_taken_in_between_is_replaced(made_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with embedded_servers(made_home, postgres=False) as first, pytest.MonkeyPatch.context() as patch:
        taken = int(first.redis_url.split(":")[2].removesuffix("/0"))
        ports = iter([taken, taken, valkey._free_port()])
        patch.setattr(valkey, "_free_port", lambda: next(ports))
        with embedded_servers(made_home.parent / "other", postgres=False) as second:
            assert second.redis_url != first.redis_url


def test_a_failed_start_shows_the_end_of_the_log_and_leaves_nothing_running(home: Path, made_home: Path) -> None:
    shutil.copytree(made_home, home)
    with (home / "postgres" / "postgresql.conf").open("a") as configuration:
        configuration.write("no_such_setting = 1\n")
    complaint = 'unrecognized configuration parameter "no_such_setting"'
    with pytest.raises(StartupError, match=complaint) as caught, embedded_servers(home):
        pytest.fail("it started")
    assert str(home / "log" / "postgres.log") in caught.value.detail


def test_a_folder_that_is_no_cluster_is_refused(home: Path) -> None:
    (home / "postgres").mkdir(parents=True)
    with pytest.raises(StartupError, match="holds no PostgreSQL data"), embedded_servers(home):
        pytest.fail("it started")


def test_a_home_too_deep_for_a_socket_works(tmp_path: Path) -> None:
    home = tmp_path / ("deep" * 20) / 'with spaces, 100% & "quotes" é'
    with embedded_servers(home) as servers:
        write(servers)
        assert read(servers) == ("yes", "yes")
    assert running(home) == []
