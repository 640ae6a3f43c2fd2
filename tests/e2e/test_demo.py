"""The README's commands, as a newcomer types them."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson
import pytest

LRGD = (sys.executable, "-m", "app.cli")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo: where it answers, where it keeps its data, what it printed."""

    url: str
    home: Path
    printed: str


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`make demo` on an empty home, stopped as by Ctrl-C."""
    home = tmp_path_factory.mktemp("demo") / "home"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [*LRGD, "demo", "--home", str(home), "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        process_group=0,
    )
    try:
        yield Demo(f"http://127.0.0.1:{port}", home, _until_ready(process))
    finally:
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0, rest
    assert "stopped" in rest


def _until_ready(process: subprocess.Popen[str]) -> str:
    """What the demo printed up to its last line; a demo that does not come up ends the test with its words."""
    assert process.stdout is not None
    alarm = threading.Timer(120.0, process.kill)
    alarm.start()
    printed = []
    for line in process.stdout:
        printed.append(line)
        if line.startswith("Documentation:"):
            alarm.cancel()
            return "".join(printed)
    raise AssertionError("the demo ended:\n" + "".join(printed))


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_printed_curl_lines_work(demo: Demo, tmp_path: Path) -> None:
    script = demo.printed[demo.printed.index("\nurl=") : demo.printed.index("\nDocumentation:")]
    done = subprocess.run(
        ["bash", "-e", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    answers = [orjson.loads(line) for line in done.stdout.splitlines() if line]
    recommended, receipt, outcomes, paths, stranger = answers
    assert len(recommended["items"]) == 3
    assert receipt == {"accepted": True, "duplicate": False}
    assert [each["event"] for each in outcomes] in (["purchase"], [])  # the workers may need another moment
    assert paths["user_id"] == recommended["user_id"]
    assert len(stranger["items"]) == 3
    assert not stranger["degraded"]


def test_the_replay_of_the_readme_reports_figures(demo: Demo, tmp_path: Path) -> None:
    (command,) = re.findall(r"^    \.venv/bin/lrgd (replay .+)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    words = command.replace(".lrgd/sample", str(demo.home / "sample")).replace("--users 100", "--users 6").split()
    figures = tmp_path / "figures.json"
    done = subprocess.run(
        [*LRGD, *words, "--url", demo.url, "--json", str(figures)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nDCG@10" in done.stdout
    assert orjson.loads(figures.read_bytes())


def test_other_commands_find_the_running_demo(demo: Demo) -> None:
    answer = httpx.get(f"{demo.url}/readyz").json()
    assert answer["ready"]
    done = _lrgd("work", "--dead", home=demo.home)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "0 dead letters"


def test_a_second_demo_on_the_home_is_refused(demo: Demo) -> None:
    done = subprocess.run(
        [*LRGD, "demo", "--home", str(demo.home), "--port", "0"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "in use" in done.stderr


def _lrgd(*words: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A command of the command line, run to its end."""
    environment = os.environ | ({"LRGD_HOME": str(home)} if home else {})
    return subprocess.run([*LRGD, *words], env=environment, capture_output=True, text=True, timeout=120, check=False)
