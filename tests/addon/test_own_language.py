"""The interface is English as a whole: no part of it is looked up in Blender's own tables of translations."""

import ast
from inspect import get_annotations
from pathlib import Path

import bpy
import pytest

import sjc_blender
from sjc_blender.addon.own_language import CONTEXT

ADDON = Path(sjc_blender.__file__).parent / "addon"
WITHOUT_CONTEXT = {"label", "progress", "popover", "menu", "invoke_confirm", "invoke_props_dialog"}
"""Calls whose text belongs to no operator or property that would bring its context."""

INHERITED = {"rna_type", "name"}
"""What Blender gives to every class."""


@pytest.fixture
def addon(scene):
    sjc_blender.register()
    yield
    sjc_blender.unregister()


def registered():
    for kind in ("Operator", "Panel", "Menu", "PropertyGroup", "AddonPreferences"):
        for cls in getattr(bpy.types, kind).__subclasses__():
            if cls.__module__.startswith("sjc_blender") and cls.is_registered:
                yield cls


def of_blender(cls, name):
    owners = (owner for owner in cls.__mro__ if name in get_annotations(owner))
    return not next(owners, bpy.types.Operator).__module__.startswith("sjc_blender")


def test_names_of_operators_panels_and_menus_are_not_in_blenders_tables(addon):
    titled = [
        cls for cls in registered() if hasattr(cls, "bl_label") and not issubclass(cls, bpy.types.AddonPreferences)
    ]
    assert len(titled) > 50
    assert [cls.__name__ for cls in titled if cls.bl_rna.translation_context != CONTEXT] == []


def test_names_of_properties_and_choices_are_not_in_blenders_tables(addon):
    seen, astray = 0, []
    for cls in registered():
        struct = cls.bl_rna
        for prop in struct.properties:
            if (
                prop.identifier in INHERITED
                or prop.identifier in struct.base.properties
                or of_blender(cls, prop.identifier)
            ):
                continue
            seen += 1
            if prop.translation_context != CONTEXT:
                astray.append(f"{cls.__name__}.{prop.identifier}")
    assert seen > 50
    assert astray == []


def test_properties_that_blender_declares_keep_their_own_context(addon):
    from bpy_extras.io_utils import ExportHelper

    assert "translation_context" not in ExportHelper.__annotations__["filepath"].keywords


def calls():
    for path in sorted(ADDON.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield path, node, {keyword.arg: keyword.value for keyword in node.keywords}


def is_false(node):
    return isinstance(node, ast.Constant) and node.value is False


def is_empty(node):
    return isinstance(node, ast.Constant) and node.value == ""


def test_no_label_is_looked_up():
    looked_up = []
    for path, node, given in calls():
        name = node.func.attr
        dialog = name.startswith("invoke_")
        foreign = (
            name == "operator" and isinstance(node.args[0], ast.Constant) and not node.args[0].value.startswith("sjc.")
        )
        if (
            (name in WITHOUT_CONTEXT or foreign)
            and (dialog or ("text" in given and not is_empty(given["text"])))
            and not is_false(given.get("translate"))
        ):
            looked_up.append(f"{path.name}:{node.lineno} {name}")
    assert looked_up == []


def test_nothing_is_translated_by_hand():
    assert [path.name for path in ADDON.rglob("*.py") if "pgettext" in path.read_text(encoding="utf-8")] == []
