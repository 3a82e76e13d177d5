"""Blender's manners: tooltips on everything, titles, no keys, nothing left behind. Walks all that is registered."""

import re

import bpy
import pytest

import sjc_blender

KINDS = ("Operator", "Panel", "Menu", "UIList", "PropertyGroup", "AddonPreferences")
SMALL_WORDS = {"a", "as", "at", "in", "of", "the", "to", "with", "what", "and"}
ADDS_OR_CHANGES = {
    "add_adapter",
    "add_domain",
    "add_rig",
    "batch_new_text",
    "choose_model",
    "choose_model_folder",
    "hide_cover",
    "import_result",
    "show_as",
    "show_side",
    "beside",
    "mark_asset",
    "random_seed",
    "recall",
    "remove_adapter",
}
"""Those that cut or bake work beside Blender, and push a step when they are done."""
MENUS = ("VIEW3D_MT_add", "TOPBAR_MT_file_import", "TOPBAR_MT_file_export", "TOPBAR_MT_help", "STATUSBAR_HT_header")


@pytest.fixture
def addon(scene):
    sjc_blender.register()
    yield
    sjc_blender.unregister()


def registered():
    """Every class of the add-on that Blender knows."""
    found = {}
    for kind in KINDS:
        waiting = getattr(bpy.types, kind).__subclasses__()
        while waiting:
            cls = waiting.pop()
            waiting += cls.__subclasses__()
            if cls.__name__.startswith("SJC_") and cls.is_registered:
                found[cls.__name__] = cls
    return list(found.values())


def operator_classes():
    return [cls for cls in registered() if issubclass(cls, bpy.types.Operator)]


def operator_types():
    return [getattr(bpy.ops.sjc, name).get_rna_type() for name in dir(bpy.ops.sjc)]


def own_properties(rna):
    inherited = set(rna.base.properties.keys()) if rna.base is not None else set()
    return [prop for prop in rna.properties if prop.identifier not in inherited | {"rna_type", "name"}]


def sentences_of(text):
    return text and text[0].isupper() and not text.endswith(".")


def test_every_property_has_a_name_and_a_tooltip(addon):
    types = [
        cls.bl_rna for cls in registered() if issubclass(cls, (bpy.types.PropertyGroup, bpy.types.AddonPreferences))
    ]
    assert len(types) >= 5
    for rna in types:
        for prop in own_properties(rna):
            assert prop.name and sentences_of(prop.description), f"{rna.identifier}.{prop.identifier}"
    for rna in operator_types():
        for prop in own_properties(rna):
            if not prop.is_hidden:
                assert prop.name and prop.description, f"{rna.identifier}.{prop.identifier}"
    for owner in (bpy.types.Scene, bpy.types.WindowManager):
        for prop in owner.bl_rna.properties:
            if prop.identifier.startswith("sjc_") and prop.type != "POINTER":
                assert prop.name and sentences_of(prop.description), prop.identifier


def test_every_choice_says_what_it_is(addon):
    for cls in registered():
        for prop in own_properties(cls.bl_rna):
            for item in getattr(prop, "enum_items", ()):
                if cls.__name__.startswith("SJC_PG"):
                    assert item.name and (item.description or item.name.endswith(" px")), (cls, item.identifier)


def test_every_operator_has_a_tooltip_and_a_title(addon):
    types = operator_types()
    assert len(types) > 30
    for rna in types:
        assert sentences_of(rna.description), rna.identifier
        for word in re.findall(r"[A-Za-z]+", rna.name):
            assert word[0].isupper() or word in SMALL_WORDS, f"{rna.identifier}: {rna.name}"


def test_every_panel_has_a_title_and_a_tooltip(addon):
    panels = [cls for cls in registered() if issubclass(cls, bpy.types.Panel)]
    assert len(panels) > 8
    for cls in panels:
        assert cls.__doc__, cls
        assert all(not word[0].islower() or word in SMALL_WORDS for word in cls.bl_label.split()), cls.bl_label


def test_what_changes_the_file_can_be_undone(addon):
    by_name = {cls.bl_idname.partition(".")[2]: cls for cls in operator_classes()}
    for name in ADDS_OR_CHANGES:
        assert "UNDO" in by_name[name].bl_options, name


def test_a_grey_button_says_why(addon, monkeypatch):
    asked = 0
    for cls in operator_classes():
        if not hasattr(cls, "poll"):
            continue
        said = []
        monkeypatch.setattr(cls, "poll_message_set", said.append, raising=False)
        if not cls.poll(bpy.context):
            asked += 1
            assert said, cls
    assert asked > 3


def test_no_key_is_taken(addon):
    keymaps = bpy.context.window_manager.keyconfigs
    taken = [
        item.idname
        for config in (keymaps.addon, keymaps.user, keymaps.default)
        if config is not None
        for keymap in config.keymaps
        for item in keymap.keymap_items
        if item.idname.startswith("sjc.")
    ]
    assert not taken


def traces():
    """Whatever an add-on could leave behind."""
    lists = {name: getattr(bpy.app.handlers, name) for name in dir(bpy.app.handlers)}
    handlers = {name: list(functions) for name, functions in lists.items() if isinstance(functions, list)}
    menus = {name: list(getattr(bpy.types, name)._dyn_ui_initialize()) for name in MENUS}
    properties = [
        (owner.__name__, name)
        for owner in (bpy.types.Scene, bpy.types.WindowManager, bpy.types.Object, bpy.types.Camera)
        for name in dir(owner)
        if name.startswith("sjc")
    ]
    return handlers, menus, properties, [cls.__name__ for cls in registered()], dir(bpy.ops.sjc)


def test_switched_off_it_leaves_nothing_behind(scene):
    before = traces()
    for _ in range(2):
        sjc_blender.register()
        assert traces() != before
        sjc_blender.unregister()
        assert traces() == before
        # A Python that imported Blender switches it off at its end, and then Blender does.
        sjc_blender.unregister()
