"""Whatever a scene's settings are, pictures with their cameras show the scene, and nothing that is done to pictures."""

import contextlib
import json
from pathlib import Path

import bpy
import numpy as np
import pytest

from sjc_blender.addon.commands import picture_settings
from sjc_blender.addon.commands.command_line import main
from sjc_blender.addon.commands.outcome import EXIT_OK
from sjc_blender.protocol.errors import SjcError

VIEWS = ["render", "--out", "set", "--views", "--rig", "Rig", "--size", "16", "--samples", "2", "--engine", "cycles"]

ONLY_IN = {
    "render.image_settings.media_type": 5,
    "render.save_output": 5,
}
"""Paths of the tables that only newer versions of Blender have."""


@pytest.fixture(autouse=True)
def stand(scene, tmp_path, monkeypatch):
    """Give a scene with a rig of one camera before a cube that glows in a colour, and something behind the camera."""
    monkeypatch.chdir(tmp_path)
    scene.world = bpy.data.worlds.new("World")
    rig = bpy.data.collections.new("Rig")
    scene.collection.children.link(rig)
    camera = bpy.data.objects.new("View", bpy.data.cameras.new("View"))
    rig.objects.link(camera)
    camera.location, camera.rotation_euler = (0.5, -6, 0), (np.pi / 2, 0, 0)
    bpy.ops.mesh.primitive_cube_add(size=2)
    cube = bpy.context.object
    cube.data.materials.append(glowing((0.6, 0.3, 0.1)))
    cube.modifiers.new("Round", "SUBSURF").render_levels = 2
    return scene


def glowing(colour):
    material = bpy.data.materials.new("Glow")
    if material.node_tree is None:
        material.use_nodes = True
    nodes = material.node_tree.nodes
    nodes.clear()
    emission, output = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeOutputMaterial")
    emission.inputs["Color"].default_value = (*colour, 1)
    material.node_tree.links.new(emission.outputs[0], output.inputs["Surface"])
    return material


def picture(name="set/view.png"):
    image = bpy.data.images.load(name, check_existing=False)
    image.colorspace_settings.name = "Non-Color"
    assert (image.size[:], image.channels, image.depth) == ((16, 16), 4, 32)
    pixels = np.array(image.pixels[:])
    bpy.data.images.remove(image)
    return pixels


def _sequencer(scene):
    new = scene.sequence_editor_create().strips.new_effect
    end = {"length": 100} if bpy.app.version >= (5, 0, 0) else {"frame_end": 100}
    new(name="Red", type="COLOR", channel=1, frame_start=0, **end).color = (1, 0, 0)
    scene.render.use_sequencer = True


def _compositor(scene):
    if bpy.app.version >= (5, 0, 0):
        tree = bpy.data.node_groups.new("Compositing", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        scene.compositing_node_group = tree
        output = tree.nodes.new("NodeGroupOutput")
    else:
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        output = tree.nodes.new("CompositorNodeComposite")
    colour = tree.nodes.new("CompositorNodeRGB")
    tree.links.new(colour.outputs[0], output.inputs[0])
    scene.render.use_compositing = True


def _stereo(scene):
    scene.render.use_multiview = True


def _marker(scene):
    other = bpy.data.objects.new("Other", bpy.data.cameras.new("Other"))
    scene.collection.objects.link(other)
    scene.timeline_markers.new("Cut", frame=scene.frame_current).camera = other


def _motion_blur(scene):
    scene.render.use_motion_blur = True
    scene.render.motion_blur_shutter = 4
    for frame, x in ((0, -10), (2, 10)):
        bpy.data.objects["Cube"].location.x = x
        bpy.data.objects["Cube"].keyframe_insert("location", frame=frame)
    for layer in bpy.data.objects["Cube"].animation_data.action.layers:
        for curve in layer.strips[0].channelbags[0].fcurves:
            for key in curve.keyframe_points:
                key.interpolation = "LINEAR"
    scene.frame_set(1)


def _background_image(scene):
    data = bpy.data.cameras["View"]
    data.show_background_images = True
    data.background_images.new().image = bpy.data.images.new("Behind", 8, 8)


def _out_of_focus(scene):
    dof = bpy.data.cameras["View"].dof
    dof.use_dof, dof.focus_distance, dof.aperture_fstop = True, 0.5, 0.1


def setting(path, *values):
    def spoil(scene):
        owner, _, name = path.rpartition(".")
        for value in values:
            target = scene.path_resolve(owner) if owner else scene
            with contextlib.suppress(TypeError) if len(values) > 1 else contextlib.nullcontext():
                setattr(target, name, value)

    return spoil


def several(*spoils):
    return lambda scene: [spoil(scene) for spoil in spoils]


SPOILT = {
    "JPEG": setting("render.image_settings.file_format", "JPEG"),
    "EXR": setting("render.image_settings.file_format", "OPEN_EXR"),
    "black and white": setting("render.image_settings.color_mode", "BW"),
    "no opacity": setting("render.image_settings.color_mode", "RGB"),
    "16 bit": setting("render.image_settings.color_depth", "16"),
    "own colour management of the file": several(
        setting("render.image_settings.color_management", "OVERRIDE"),
        lambda scene: setattr(scene.render.image_settings.view_settings, "exposure", 3),
    ),
    "pixel aspect": setting("render.pixel_aspect_x", 2.0),
    "resolution percentage": setting("render.resolution_percentage", 50),
    "border": several(
        setting("render.use_border", True),
        setting("render.border_max_x", 0.5),
        setting("render.use_crop_to_border", True),
    ),
    "border without crop": several(setting("render.use_border", True), setting("render.border_max_x", 0.5)),
    "exposure": setting("view_settings.exposure", 2.0),
    "gamma": setting("view_settings.gamma", 2.0),
    "look": several(setting("view_settings.view_transform", "AgX"), setting("view_settings.look", "AgX - Punchy")),
    "view transform": setting("view_settings.view_transform", "Filmic"),
    "look of the standard": several(
        setting("view_settings.view_transform", "Standard"), setting("view_settings.look", "Very High Contrast")
    ),
    "white balance": several(
        setting("view_settings.use_white_balance", True), setting("view_settings.white_balance_temperature", 3000.0)
    ),
    "curves": several(
        setting("view_settings.use_curve_mapping", True),
        lambda scene: setattr(scene.view_settings.curve_mapping, "white_level", (0.3, 0.3, 0.3)),
    ),
    "display device": setting("display_settings.display_device", "Display P3", "Rec.1886", "Rec.2020"),
    "opaque film": setting("render.film_transparent", False),
    "film exposure": setting("cycles.film_exposure", 3.0),
    "film filter": several(setting("cycles.pixel_filter_type", "GAUSSIAN"), setting("cycles.filter_width", 9.0)),
    "dithering": setting("render.dither_intensity", 2.0),
    "stamp": several(setting("render.use_stamp", True), setting("render.stamp_font_size", 12)),
    "stereo": _stereo,
    "sequencer": _sequencer,
    "compositor": _compositor,
    "markers with cameras": _marker,
    "motion blur": _motion_blur,
    "simplify": several(setting("render.use_simplify", True), setting("render.simplify_subdivision_render", 0)),
    "freestyle": setting("render.use_freestyle", True),
    "file extensions": setting("render.use_file_extension", False),
    "no overwriting": several(
        setting("render.use_overwrite", False), lambda scene: _older_picture(), setting("render.use_placeholder", True)
    ),
    "locked interface": setting("render.use_lock_interface", True),
    "background images": _background_image,
    "depth of field": _out_of_focus,
    "camera culling": several(
        setting("cycles.use_camera_cull", True),
        setting("render.use_simplify", True),
        lambda scene: setattr(bpy.data.objects["Cube"].cycles, "use_camera_cull", True),
        setting("cycles.camera_cull_margin", 0.0),
    ),
    "frame step": setting("frame_step", 7),
    "samples of the view layer": lambda scene: setattr(scene.view_layers[0], "samples", 300),
    "another camera": lambda scene: setattr(scene, "camera", bpy.data.objects["Cube"]),
}


def _older_picture():
    Path("set").mkdir()
    Path("set/view.png").write_bytes(b"an older picture")


def settings_of(scene):
    values = {}
    owners = ("render", "render.image_settings", "view_settings", "display_settings", "cycles", "eevee")
    for owner in owners:
        found = scene.path_resolve(owner)
        for prop in found.bl_rna.properties:
            if not prop.is_readonly and prop.type not in {"POINTER", "COLLECTION"}:
                value = getattr(found, prop.identifier)
                values[owner, prop.identifier] = tuple(value) if getattr(prop, "is_array", False) else value
    markers = [(marker.name, marker.frame, marker.camera) for marker in scene.timeline_markers]
    blocks = [[block.name for block in found] for found in (bpy.data.objects, bpy.data.cameras, bpy.data.scenes)]
    return values, scene.camera, markers, blocks


@pytest.mark.parametrize("spoilt", SPOILT)
def test_a_picture_with_its_camera_is_that_of_a_clean_scene(scene, spoilt):
    assert main(VIEWS) == EXIT_OK
    clean = picture()
    listed = Path("set/reference_views.json").read_bytes()
    assert clean.reshape(-1, 4)[:, 3].max() == 1 and clean.reshape(-1, 4)[:, 3].min() == 0
    for path in Path("set").iterdir():
        path.unlink()
    Path("set").rmdir()
    SPOILT[spoilt](scene)
    before = settings_of(scene)
    assert main(VIEWS) == EXIT_OK
    assert sorted(path.stem for path in Path("set").iterdir()) == ["reference_views", "transforms", "view"]
    assert np.array_equal(picture(), clean)
    assert Path("set/reference_views.json").read_bytes() == listed
    assert settings_of(scene) == before


@pytest.mark.parametrize("path", {**picture_settings.A_FILE, **picture_settings.SQUARE, **picture_settings.PLAIN})
def test_every_setting_of_the_tables_is_one_of_blenders(scene, path):
    if bpy.app.version < (ONLY_IN.get(path, 4), 0, 0):
        with pytest.raises(ValueError):
            scene.path_resolve(path)
    else:
        scene.path_resolve(path)


@pytest.mark.parametrize("driven", [False, True])
def test_a_setting_that_is_animated_is_refused_by_name(scene, driven, capfd):
    if driven:
        scene.driver_add("view_settings.exposure").driver.expression = "frame"
    else:
        scene.view_settings.exposure = 2
        scene.keyframe_insert("view_settings.exposure", frame=1)
    before = settings_of(scene)
    assert main([*VIEWS, "--json"]) != EXIT_OK
    told = json.loads(capfd.readouterr().out.splitlines()[-1])["error"]
    assert told["code"] == "render_setting" and "view_settings.exposure = 0.0" in told["message"]
    assert settings_of(scene) == before
    assert not Path("set").exists()


def test_settings_come_back_after_a_failure(scene):
    before = settings_of(scene)
    wanted = {**picture_settings.A_FILE, **picture_settings.PLAIN, "render.engine": "NOT_AN_ENGINE"}
    with pytest.raises(SjcError), picture_settings.picture_settings(scene, wanted):
        pass
    assert settings_of(scene) == before


def test_a_picture_without_views_keeps_the_scenes_look(scene):
    scene.camera = bpy.data.objects["View"]
    scene.render.image_settings.file_format = "JPEG"
    _sequencer(scene)
    plain = [argument for argument in VIEWS if argument not in {"--views", "--rig", "Rig"}]
    shown = []
    for exposure in (-2, 0):
        scene.view_settings.exposure = exposure
        assert main(plain) == EXIT_OK
        image = bpy.data.images.load("set/view.png", check_existing=False)
        assert image.file_format == "PNG"
        shown.append(np.array(image.pixels[:]).reshape(-1, 4)[:, 0].max())
    assert shown[0] < shown[1] - 0.1


@pytest.mark.parametrize("views", [False, True])
def test_an_instanced_rig_is_rendered_where_it_stands(scene, views):
    rig = bpy.data.collections["Rig"]
    scene.collection.children.unlink(rig)
    empty = bpy.data.objects.new("Instance", None)
    empty.instance_type, empty.instance_collection = "COLLECTION", rig
    scene.collection.objects.link(empty)
    # Around the cube to its bare side.
    empty.rotation_euler.z = np.pi
    scene.render.film_transparent = True
    arguments = [argument for argument in VIEWS if views or argument != "--views"]
    assert main(arguments) == EXIT_OK
    first = picture()
    bpy.data.objects["Cube"].location.x = -50
    assert main(arguments) == EXIT_OK
    assert not np.array_equal(picture(), first)
    assert [camera.name for camera in bpy.data.cameras] == ["View"]
