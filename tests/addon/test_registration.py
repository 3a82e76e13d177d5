"""Every class of the interface is registered with the add-on, and goes with it; nobody has to list it."""

import importlib
from pathlib import Path

import bpy
import pytest

import sjc_blender
from sjc_blender import addon
from sjc_blender.addon.registration import classes_of

ROOT = Path(addon.__file__).parent
NAMES = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in sorted(ROOT.glob("ui/**/[a-z]*.py"))]


def classes():
    """Return the classes of all modules, in the order in which they are registered."""
    modules = [importlib.import_module(f"{addon.__name__}.{name}") for name in addon.MODULES]
    return [cls for module in modules for cls in classes_of(module)]


@pytest.mark.parametrize("name", NAMES)
def test_a_module_that_defines_a_class_is_registered(name):
    module = importlib.import_module(f"{addon.__name__}.{name}")
    assert name in addon.MODULES or not classes_of(module), f"add {name!r} to MODULES in addon/__init__.py"


def test_all_classes_are_there_with_the_addon_and_none_is_left_after_it(scene):
    assert len(classes()) > 50
    sjc_blender.register()
    try:
        assert all(cls.is_registered for cls in classes())
    finally:
        sjc_blender.unregister()
    assert not any(cls.is_registered for cls in classes())


def test_only_what_is_named_so_is_a_class_of_blender():
    for name in NAMES:
        module = importlib.import_module(f"{addon.__name__}.{name}")
        own = [cls for cls in vars(module).values() if getattr(cls, "__module__", "") == module.__name__]
        panels = [cls for cls in own if isinstance(cls, type) and issubclass(cls, bpy.types.bpy_struct)]
        assert all(cls in classes_of(module) or cls.__name__.startswith("_") for cls in panels), panels
