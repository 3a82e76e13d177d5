"""What the sidebar shows of viewpoints, domain and proxy."""

from types import SimpleNamespace

import bpy
import pytest

import sjc_blender
from sjc_blender.addon.rigs import rig_watch
from sjc_blender.addon.ui.rigs import rig_panel
from tests.addon.drawn_layout import Layout, context


@pytest.fixture
def settings(scene):
    sjc_blender.register()
    scene.render.resolution_x = scene.render.resolution_y = 512
    yield scene.sjc
    sjc_blender.unregister()


def shown(panel=rig_panel.SJC_PT_viewpoints):
    layout = Layout()
    around = context()
    around.window_manager = bpy.context.window_manager
    panel.draw(SimpleNamespace(layout=layout), around)
    return layout


def test_each_kind_of_rig_shows_its_own_settings(settings):
    expected = {
        "ORBIT": set(),
        "CAMERAS": {"cameras", "jitter"},
        "REGION": {"cameras"},
        "ANIMATION": {"camera", "own_frames", "path_views", "jitter"},
    }
    for rig, names in expected.items():
        settings.rig = rig
        props = {args[1] for kind, args, _, _ in shown().drawn if kind == "prop"}
        assert props - {"rig", "sjc_show_coverage"} == names
    settings.own_frames = True
    assert {"first_frame", "last_frame"} <= {args[1] for kind, args, _, _ in shown().drawn if kind == "prop"}


def test_the_headline_and_the_details_say_what_was_seen(settings, scene):
    bpy.ops.sjc.add_rig(count=24)
    rig_watch.look(scene)
    assert "Sees every side that the model knows" in " ".join(shown().texts())
    for obj in [o for o in settings.cameras.all_objects if o.type == "CAMERA" and o.matrix_world.translation.y > -0.6]:
        bpy.data.objects.remove(obj)
    rig_watch.look(scene)
    assert "Nothing sees the back" in " ".join(shown().texts())
    details = " ".join(shown(rig_panel.SJC_PT_rig_report).texts())
    assert "azimuth" in details and "of all sides" in details and "front side low view of" in details


def test_what_hinders_the_rig_stands_there(settings, scene):
    settings.rig, settings.cameras = "CAMERAS", bpy.data.collections.new("Empty")
    rig_watch.look(scene)
    assert "'Empty' has no cameras." in " ".join(shown().texts())
    assert "Move cameras into it" in " ".join(shown(rig_panel.SJC_PT_rig_report).texts())


def test_the_active_camera_of_the_rig_can_be_given_its_own_text(settings, scene):
    bpy.ops.sjc.add_rig(count=3)
    camera, other = [obj for obj in settings.cameras.all_objects if obj.type == "CAMERA"][:2]
    assert "sjc.camera_text" not in shown().operators()
    bpy.context.view_layer.objects.active = camera
    assert "sjc.camera_text" in shown().operators()
    rig_watch.look(scene)
    before = rig_watch.current(scene).rig.rig
    bpy.ops.sjc.camera_text()
    drawn = shown()
    assert {'["sjc_prompt"]', '["sjc_weight"]'} <= {args[1] for kind, args, _, _ in drawn.drawn if kind == "prop"}
    assert "sjc.camera_text" not in drawn.operators()
    rig_watch.look(scene)
    assert rig_watch.current(scene).rig.rig == before, "as they are at first they change nothing"
    camera["sjc_prompt"], camera["sjc_weight"] = "underside of {prompt}", 2.0
    rig_watch.look(scene)
    texts = {seen.name: (seen.view_text, seen.weight) for seen in rig_watch.current(scene).rig.rig.cameras}
    assert texts[camera.name] == ("underside of {prompt}", 2.0) and texts[other.name] == ("", 1.0)
    assert any("underside of" in text for text in shown(rig_panel.SJC_PT_rig_report).texts())


def test_a_path_is_looked_at_when_it_is_asked_for(settings, scene):
    settings.rig = "ANIMATION"
    assert "sjc.check_rig" in shown().operators() and not any("sees" in text for text in shown().texts())
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    camera.location, camera.rotation_euler = (0, -4, 0), (1.5708, 0, 0)
    scene.camera = camera
    bpy.context.view_layer.update()
    bpy.ops.sjc.check_rig()
    assert "Nothing sees" in " ".join(shown().texts())


def drawn_properties():
    return {args[1] for drawn, args, _, _ in shown(rig_panel.SJC_PT_domain).drawn if drawn == "prop"}


@pytest.mark.parametrize(("kind", "field"), [("OBJECT", "guide_object"), ("COLLECTION", "guide_collection")])
def test_a_guide_that_is_wanted_has_to_be_chosen_with_its_network(settings, kind, field):
    settings.prompt = "a red chair"
    fields = {"guide_control", "guide_picture", "guide_strength", "guide_lowest", "guide_highest"}
    assert "guide_kind" in drawn_properties() and not drawn_properties() & fields
    settings.guide_kind = kind
    assert drawn_properties() >= {field, *fields}
    assert settings.obstacle() == "Choose the guide, or go without one"
    made = bpy.data.objects.new("P", bpy.data.meshes.new("P")) if kind == "OBJECT" else bpy.data.collections.new("P")
    setattr(settings, field, made)
    assert settings.guide == made and settings.obstacle() == "Choose the guide's ControlNet"
    settings.guide_control = "someone/net"
    assert settings.obstacle() == "Choose the guide's picture: the ControlNet's name does not tell it"
    settings.guide_picture = "canny"
    assert settings.obstacle() == ""
    settings.guide_control, settings.guide_picture = "someone/depth", "auto"
    assert settings.obstacle() == ""
    settings.guide_lowest, settings.guide_highest = 0.75, 0.25
    assert settings.obstacle() == "The guide's lowest noise is above the highest"


def test_a_picture_needs_an_adapter(settings):
    settings.prompt = "a red chair"
    settings.picture = bpy.data.images.new("Front", 4, 4)
    assert settings.obstacle() == "Choose the picture's IP-Adapter"
    settings.picture_adapter = "/adapters/ip.safetensors"
    assert settings.obstacle() == ""


def test_a_guide_may_be_the_proxy(settings):
    settings.prompt, settings.guide_kind, settings.guide_control = "a red chair", "PROXY", "someone/depth"
    assert settings.obstacle() == "Choose a proxy for the guide, or another guide"
    settings.proxy_kind, settings.proxy_object = "OBJECT", bpy.data.objects.new("P", bpy.data.meshes.new("P"))
    assert settings.obstacle() == "" and settings.guide == settings.proxy_object
    request = settings.request()
    assert (request.guide, request.control) == (settings.proxy_object, "someone/depth")


@pytest.mark.parametrize(("kind", "field"), [("OBJECT", "proxy_object"), ("COLLECTION", "proxy_collection")])
def test_a_proxy_that_is_wanted_has_to_be_chosen(settings, kind, field):
    settings.prompt = "a red chair"
    assert settings.obstacle() == ""
    settings.proxy_kind = kind
    assert field in {args[1] for drawn, args, _, _ in shown(rig_panel.SJC_PT_domain).drawn if drawn == "prop"}
    assert settings.obstacle() == "Choose the proxy, or start without one"
    made = bpy.data.objects.new("P", bpy.data.meshes.new("P")) if kind == "OBJECT" else bpy.data.collections.new("P")
    setattr(settings, field, made)
    assert settings.obstacle() == "" and settings.proxy == made
