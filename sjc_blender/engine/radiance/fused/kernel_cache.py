"""Where compiled kernels are kept: in the engine's own environment, never elsewhere."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

FOLDER = "sjc-kernels"


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
