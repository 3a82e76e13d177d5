"""What the panel of a result offers for edits, and what its button asks of the API."""

import dataclasses
from types import SimpleNamespace

import bpy
import pytest

import sjc_blender
from sjc_blender.addon.environment import session
from sjc_blender.addon.jobs.job_request import JobRequest
from sjc_blender.addon.ui.edit import edit_operators, edit_panel
from sjc_blender.protocol.errors import SjcError
from tests.addon.drawn_layout import Layout, context


@pytest.fixture
def settings(scene, monkeypatch):
    monkeypatch.setattr(session, "obstacle", lambda: "")
    sjc_blender.register()
    yield scene.sjc
    sjc_blender.unregister()


@pytest.fixture
def result(settings, scene):
    obj = bpy.data.objects.new("a chair", bpy.data.meshes.new("a chair"))
    obj["sjc_job"] = "job1"
    scene.collection.objects.link(obj)
    bpy.context.view_layer.objects.active = obj
    return obj


@pytest.fixture
def asked(monkeypatch):
    calls = []
    monkeypatch.setattr(edit_operators.api, "submit", lambda request, scene, **_: calls.append(request))
    return calls


def test_a_region_and_a_prompt_reach_the_api(settings, scene, result, asked):
    settings.edit_prompt, settings.edit_region = " a round chair ", bpy.data.objects.new("Box", None)
    assert bpy.ops.sjc.edit_result() == {"FINISHED"}
    settings.memory = "6GB"
    bpy.ops.sjc.edit_result()
    wanted = JobRequest(prompt="a round chair", edit=result, region=settings.edit_region, memory="auto")
    assert asked == [wanted, dataclasses.replace(wanted, memory="6GB")]


def test_a_region_may_begin_anew(settings, scene, result, asked):
    settings.edit_anew = True
    bpy.ops.sjc.edit_result()
    settings.edit_region = bpy.data.objects.new("Box", None)
    bpy.ops.sjc.edit_result()
    assert [request.anew for request in asked] == [False, True]


def test_left_empty_all_of_it_is_refined_with_the_tabs_settings(settings, scene, result, asked):
    settings.edit_settings, settings.preset, settings.seed = "TAB", "draft", 4
    settings.negative_prompt, settings.memory = "blurry", "8GB"
    bpy.ops.sjc.edit_result()
    assert asked == [
        JobRequest(
            edit=result,
            model="builtin",
            preset="draft",
            seed=4,
            negative_prompt="blurry",
            overrides={"model": {"adapters": []}},
            memory="8GB",
        )
    ]


def test_what_hinders_an_edit_is_said(settings, result, monkeypatch):
    def refuse(request, scene, **_):
        raise SjcError("no_checkpoint", "There is no checkpoint.", "Run it again.")

    monkeypatch.setattr(edit_operators.api, "submit", refuse)
    with pytest.raises(RuntimeError, match="There is no checkpoint"):
        bpy.ops.sjc.edit_result()
    bpy.context.view_layer.objects.active = None
    assert not bpy.ops.sjc.edit_result.poll()


@pytest.mark.parametrize(("region", "words"), [(True, "Edit the Region"), (False, "Refine All of It")])
def test_the_button_says_what_it_does(settings, result, region, words):
    settings.edit_region = bpy.data.objects.new("Box", None) if region else None
    layout = Layout()
    edit_panel.SJC_PT_edit.draw(SimpleNamespace(layout=layout), context())
    shown = {"edit_prompt", "edit_region", "edit_settings"} | ({"edit_anew"} if region else set())
    assert {args[1] for kind, args, _, _ in layout.drawn if kind == "prop"} == shown
    assert layout.texts("operator") == ["", words]


def test_a_region_is_added_around_what_is_selected(settings, scene):
    bpy.ops.mesh.primitive_cube_add(size=2, location=(0, 0, 1))
    result = bpy.context.object
    result["sjc_job"] = "job"
    bpy.ops.sjc.add_region()
    region = scene.sjc.edit_region
    assert tuple(region.location) == pytest.approx((0, 0, 1.5)) and tuple(region.scale) == pytest.approx((1, 1, 0.5))
    bpy.ops.mesh.primitive_cube_add(size=1, location=(0.5, 0, 2))
    other = bpy.context.object
    result.select_set(True)
    bpy.context.view_layer.objects.active = result
    bpy.ops.sjc.add_region()
    assert tuple(scene.sjc.edit_region.location) == pytest.approx((0.5, 0, 2)), "around the other selected object"
    assert other.select_get()
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="DESELECT")
    bpy.ops.object.mode_set(mode="OBJECT")
    for vertex in result.data.vertices:
        vertex.select = vertex.co.z > 0 and vertex.co.x > 0
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.sjc.add_region()
    assert bpy.context.mode == "OBJECT"
    region = scene.sjc.edit_region
    assert tuple(region.location) == pytest.approx((1, 0, 2))
    assert tuple(region.scale) == pytest.approx((0.05, 1, 0.05)), "no side is nothing"
