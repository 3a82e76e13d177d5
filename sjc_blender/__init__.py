"""Score Jacobian Chaining in Blender.

Blender calls `register` and `unregister`. Importing the package imports neither bpy nor torch, so
that ``python -m sjc_blender.engine`` runs in an environment without Blender.
"""


def register() -> None:
    """Switch the add-on on."""
    from . import addon

    addon.register()


def unregister() -> None:
    """Switch the add-on off; jobs that run are stopped with a checkpoint."""
    from . import addon

    addon.unregister()
