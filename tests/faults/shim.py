"""Builds the shim (`shim.c`) and starts a Python with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")


def missing() -> str:
    """Why there can be no shim here; empty if there can."""
    if not sys.platform.startswith("linux"):
        return "faults of system calls are injected on Linux alone"
    return "" if compiler() else "faults of system calls are injected by a small C library, and there is no C compiler"


def compiler() -> str | None:
    """Find a C compiler."""
    return next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)


def built(folder: Path) -> Path:
    """Compile it into `folder`; give its path."""
    library = folder / "faults.so"
    command = [compiler() or "cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True, timeout=60)
    return library


def python(library: Path, *arguments: str, timeout: float) -> subprocess.CompletedProcess[str]:
    """Run this Python with the shim, one thread and no network."""
    environment = os.environ | {"LD_PRELOAD": str(library), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=timeout
    )
