# SPDX-License-Identifier: GPL-3.0-or-later
"""The cache of compiled kernels, in the engine's own environment."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from ....protocol.atomic_write import write_text
from ....protocol.errors import SjcError

FOLDER = "sjc-kernels"

PREFIX = "wp_sjc_"
"""Prefix of Warp's folders for our kernels."""

SEAL = "sjc-seal.json"
"""In each folder: the hashes of its files when they had just been compiled, and worked."""


def kernel_cache() -> Path:
    """The folder of the compiled kernels.

    It lies in the virtual environment that the engine runs in. An engine in another Python, or in an environment
    that it may not write to, compiles anew each time, into a folder that goes with the process. The environment
    variable ``WARP_CACHE_PATH`` names another place.
    """
    chosen = os.environ.get("WARP_CACHE_PATH")
    if chosen:
        return Path(chosen)
    if sys.prefix != sys.base_prefix:
        folder = Path(sys.prefix) / FOLDER
        try:
            folder.mkdir(exist_ok=True)
        except OSError:
            pass
        else:
            if os.access(folder, os.W_OK):
                return folder
    folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def kernel_folders(cache: Path, module: str = "") -> list[Path]:
    """Folders of compiled kernels in the cache, of one module or of all of ours."""
    start = f"wp_{module}_" if module else PREFIX
    with contextlib.suppress(OSError):
        return [path for path in cache.iterdir() if path.name.startswith(start) and not path.is_symlink()]
    return []


def discard_damaged(cache: Path) -> None:
    """Delete kernels whose files have changed since they were compiled: Warp would load them or fail."""
    for folder in kernel_folders(cache):
        try:
            sealed = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            sealed = None
        if sealed is None or sealed != _hashes(folder):
            discard(folder)


def discard(folder: Path) -> None:
    """Delete a folder of compiled kernels, as far as possible."""
    shutil.rmtree(folder, ignore_errors=True)


def seal(cache: Path) -> None:
    """Write the seal of the kernels, which work now; without it they are compiled again."""
    for folder in kernel_folders(cache):
        if not (folder / SEAL).is_file():
            with contextlib.suppress(SjcError):
                write_text(folder / SEAL, json.dumps(_hashes(folder)))


def _hashes(folder: Path) -> dict[str, str] | None:
    """SHA-256 of each file but the seal; None if one cannot be read."""
    try:
        files = sorted(path for path in folder.iterdir() if path.name != SEAL)
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    except OSError:
        return None
