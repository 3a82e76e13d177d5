"""Waiting for processes, and ending them the hard way."""

import os
import signal
import time
from pathlib import Path


def until(condition, queue=None, seconds=20.0):
    """Pump until `condition` holds; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "this did not happen in time"
        if queue is not None:
            queue.pump()
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and nobody has waited for does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def pid_in(path: Path) -> int:
    """Wait for a process to write its number into a file."""
    until(lambda: path.exists() and path.read_text())
    return int(path.read_text())


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
