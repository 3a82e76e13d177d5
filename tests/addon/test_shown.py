"""A result is one object to look at: its mesh or its Volume, in the viewport and in renders, in one place."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix

import sjc_blender
from sjc_blender.addon import api
from sjc_blender.addon.results.object_frame import domain_now
from sjc_blender.addon.ui.result import result_panel
from sjc_blender.protocol.errors import SjcError
from tests.addon.drawn_layout import Layout, context

from .test_standing import block, table


@pytest.fixture
def folder(finished_job):
    return finished_job(field=block(), mesh=table()).path


def hidden(obj):
    assert obj.hide_viewport == obj.hide_render
    return obj.hide_render


def of_type(objects, kind):
    return next(obj for obj in objects if obj.type == kind)


@pytest.mark.parametrize(("options", "seen"), [({}, "MESH"), ({"show": "volume"}, "VOLUME")])
def test_one_of_both_is_seen_and_selected(scene, folder, options, seen):
    objects = api.import_result(folder, **options)
    assert [obj.type for obj in objects if not hidden(obj)] == [seen]
    assert len(objects) == 2
    assert bpy.context.selected_objects == [bpy.context.view_layer.objects.active] == [of_type(objects, seen)]


@pytest.mark.parametrize("output", ["volume", "mesh"])
@pytest.mark.parametrize("show", ["volume", "mesh"])
def test_a_result_with_one_output_is_never_hidden(scene, folder, output, show):
    (obj,) = api.import_result(folder, outputs=output, show=show)
    assert not hidden(obj)


def test_the_other_one_comes_to_where_the_first_was_moved(scene, folder):
    volume, mesh = api.import_result(folder)
    moved = Matrix.LocRotScale((4, -2, 1), Euler((0.2, 0, 0.7)), (2, 2, 2))
    mesh.matrix_world = moved
    assert api.show_as(mesh, "volume") == volume
    assert (hidden(mesh), hidden(volume)) == (True, False)
    bpy.context.view_layer.update()
    assert np.allclose(volume.matrix_world, moved, atol=1e-5)
    volume.location.z = 7
    assert api.show_as(volume, "mesh") == mesh
    assert mesh.location.z == pytest.approx(7)
    # The hidden one leads to the seen one.
    assert api.show_as(volume, "mesh") == mesh
    assert (hidden(mesh), hidden(volume)) == (False, True)


def test_the_panels_buttons_switch_and_the_seen_one_is_the_pressed_one(scene, folder):
    def pressed():
        layout = Layout()
        result_panel.SJC_PT_result.draw(SimpleNamespace(layout=layout), context())
        return [options["text"] for _, _, options, _ in layout.drawn if options.get("depress")]

    sjc_blender.register()
    volume, mesh = api.import_result(folder)
    assert pressed() == ["Mesh"]
    bpy.ops.sjc.show_as(kind="volume")
    assert pressed() == ["Volume"] and (hidden(mesh), hidden(volume)) == (True, False)
    bpy.ops.sjc.show_as(kind="mesh")
    assert pressed() == ["Mesh"] and (hidden(mesh), hidden(volume)) == (False, True)
    sjc_blender.unregister()


def test_the_one_that_is_seen_is_the_asset_of_a_job(scene, folder):
    volume, mesh = api.import_result(folder)
    api.mark_as_asset(mesh, folder, tags=("table",))
    mesh.asset_data.author = "Ada"
    assert api.show_as(mesh, "volume") == volume
    assert mesh.asset_data is None
    assert {tag.name for tag in volume.asset_data.tags} == {"sjc", "volume", "table"}
    assert (volume.asset_data.author, volume.asset_data.description) == ("Ada", volume["sjc_prompt"])
    assert api.show_as(volume, "mesh") == mesh and volume.asset_data is None
    assert {tag.name for tag in mesh.asset_data.tags} == {"sjc", "mesh", "table"}


def test_it_follows_into_collections_and_under_parents(scene, folder):
    volume, mesh = api.import_result(folder)
    props, parent = bpy.data.collections.new("Props"), bpy.data.objects.new("Cart", None)
    scene.collection.children.link(props)
    scene.collection.objects.link(parent)
    scene.collection.objects.unlink(mesh)
    props.objects.link(mesh)
    parent.location = (0, 5, 0)
    mesh.parent = parent
    api.show_as(mesh, "volume")
    bpy.context.view_layer.update()
    assert volume.users_collection == (props,)
    assert volume.parent == parent
    assert np.allclose(volume.matrix_world, mesh.matrix_world)


def test_what_is_not_there_is_made_of_the_job(scene, folder):
    (mesh,) = api.import_result(folder, outputs="mesh")
    mesh.location.x = 3
    volume = api.show_as(mesh, "volume")
    assert volume.type == "VOLUME"
    assert hidden(mesh)
    bpy.context.view_layer.update()
    assert np.allclose(domain_now(volume), domain_now(mesh))


def test_copies_are_switched_each_by_itself(scene, folder):
    volume, mesh = api.import_result(folder)
    copy = mesh.copy()
    scene.collection.objects.link(copy)
    copy.location.x += 5
    bpy.context.view_layer.update()
    api.show_as(copy, "volume")
    other = api.show_as(mesh, "volume")
    shown = [obj for obj in scene.objects if obj.type == "VOLUME" and not hidden(obj)]
    assert len(shown) == 2
    assert other.data == volume.data
    bpy.context.view_layer.update()
    assert sorted(obj.location.x for obj in shown) == pytest.approx([mesh.location.x, mesh.location.x + 5])


def test_both_of_an_early_release_become_one(scene, folder):
    volume, mesh = api.import_result(folder)
    for obj in (volume, mesh):
        obj.hide_viewport = obj.hide_render = False
    bpy.context.view_layer.update()
    assert api.show_as(mesh, "mesh") == mesh
    assert (hidden(mesh), hidden(volume)) == (False, True)


def test_what_cannot_be_shown_is_said(scene, folder):
    volume, mesh = api.import_result(folder)
    with pytest.raises(SjcError, match="statue"):
        api.show_as(mesh, "statue")
    with pytest.raises(SjcError, match="statue"):
        api.import_result(folder, show="statue")
    bpy.data.objects.remove(volume)
    cube = bpy.data.objects.new("Cube", bpy.data.meshes.new("Cube"))
    scene.collection.objects.link(cube)
    with pytest.raises(SjcError) as caught:
        api.show_as(cube, "volume")
    assert caught.value.code == "not_a_result"
