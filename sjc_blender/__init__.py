# SPDX-License-Identifier: GPL-3.0-or-later
"""Score Jacobian Chaining in Blender.

Blender calls `register` and `unregister`. Importing the package imports neither bpy nor torch, so
that ``python -m sjc_blender.engine`` runs in an environment without Blender. In Blender ``api`` is the
documented way in, `sjc_blender.addon.api`.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
"""As in ``blender_manifest.toml``."""


def __getattr__(name: str) -> Any:
    """Return the API, which imports bpy, when it is asked for."""
    if name == "api":
        return import_module(".addon.api", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def register() -> None:
    """Switch the add-on on."""
    from . import addon

    addon.register()


def unregister() -> None:
    """Switch the add-on off; jobs that run are stopped with a checkpoint."""
    from . import addon

    addon.unregister()
