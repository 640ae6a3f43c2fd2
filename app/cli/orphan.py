"""Children of `lrgd demo` end when it is killed without a chance to stop them."""

from __future__ import annotations

import os
import signal
import threading
import time

PARENT = "LRGD_DEMO_PID"  # set by the demo for its children
LOOK_S = 0.5


def leave_with_parent() -> None:
    """Sends this process SIGTERM once the demo that started it is gone; does nothing outside a demo."""
    parent = os.environ.get(PARENT)
    if parent is not None:
        threading.Thread(target=_watch, args=(int(parent),), daemon=True, name="parent-watch").start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    os.kill(os.getpid(), signal.SIGTERM)
