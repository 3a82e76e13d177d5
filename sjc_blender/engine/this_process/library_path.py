# SPDX-License-Identifier: GPL-3.0-or-later
"""Libraries of another program, named by the environment, in place of those that the engine's packages need.

Launchers, modules of a cluster and shells set ``LD_LIBRARY_PATH`` and the like for programs of their own. Sometimes the
engine needs them too (a driver in an unusual place), so they are kept as long as its packages can be loaded with them.
"""

from __future__ import annotations

import importlib
import os
import sys

VARIABLES = (
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "DYLD_INSERT_LIBRARIES",
    "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
)
PACKAGES = ("torch", "scipy.linalg", "PIL.Image", "tokenizers")
"""Those that bring compiled libraries."""


def leave_foreign_libraries() -> None:
    """Start this process anew without those variables if the packages cannot be loaded with them.

    Called before anything is said or heard. The process keeps its number, its input and its output.
    """
    named = [name for name in VARIABLES if os.environ.get(name)]
    if not named or sys.platform == "win32":
        return
    try:
        for package in PACKAGES:
            importlib.import_module(package)
    except ModuleNotFoundError:
        return  # that is told where it is missed
    except (ImportError, OSError) as error:
        settings = " and ".join(f"{name}={os.environ[name]}" for name in named)
        sys.stderr.write(
            f"The engine's packages cannot be loaded with the libraries of {settings} ({error}). "
            "It starts again without that setting, which another program has made.\n"
        )
        sys.stderr.flush()
        environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606  # itself again
