"""The Blender side: rigs, jobs, results, and what is clicked.

Nothing is imported before `register`, so that the parts without bpy can be used without Blender.
"""

from importlib import import_module

# In the order in which they register; a class comes after those that it refers to.
MODULES = ("preferences", "properties", "operators", "panels", "command", "lifecycle")


def register() -> None:
    """Register every part, in order."""
    for name in MODULES:
        import_module(f".{name}", __name__).register()


def unregister() -> None:
    """Unregister every part, last one first."""
    for name in reversed(MODULES):
        import_module(f".{name}", __name__).unregister()
