"""Both looks of a Volume are node groups with inputs; what they do with light is measured in Cycles."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from mathutils import Vector

import sjc_blender
from sjc_blender.addon import api
from sjc_blender.addon.results.import_volume import import_volume
from sjc_blender.addon.ui.result import result_panel
from sjc_blender.protocol.spec import DomainSpec, JobSpec
from tests.addon.drawn_layout import Layout, context

RED = (0.34, 0.02, 0.02)
SIZE = 32


@pytest.fixture
def addon(scene):
    sjc_blender.register()
    yield
    sjc_blender.unregister()


@pytest.fixture
def ball(scene, finished_job):
    """Give the Volume of a red ball above a white floor, in the sun, seen from the sun's side."""
    at = (np.arange(24) + 0.5) / 12 - 1
    x, y, z = np.meshgrid(at, at, at, indexing="ij")
    field = {
        "density": np.where(x**2 + y**2 + z**2 < 0.6, np.float32(80), np.float32(0)),
        "rgb": np.broadcast_to(np.float32(RED), (24, 24, 24, 3)).copy(),
        "half_extents": np.ones(3),
        "voxel_size": np.float64(2 / 24),
        "matrix_world": np.eye(4),
        "version": np.int64(1),
    }
    volume = import_volume(finished_job(JobSpec("a ball", domain=DomainSpec(floor=-1.0)), field=field), scene)
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.data.energy, sun.data.angle = 3.0, 0.1
    sun.rotation_euler = Vector((0, 0.7, -0.7)).to_track_quat("-Z", "Y").to_euler()
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location = (0, -5, 1.2)
    camera.rotation_euler = Vector((0, 5, -1.4)).to_track_quat("-Z", "Y").to_euler()
    for obj in (sun, camera):
        scene.collection.objects.link(obj)
    bpy.ops.mesh.primitive_plane_add(size=40, location=(0, 0, -1))
    scene.camera = camera
    scene.render.engine = "CYCLES"
    scene.render.resolution_x = scene.render.resolution_y = SIZE
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.view_settings.view_transform = "Raw"
    scene.cycles.samples, scene.cycles.use_denoising = 24, False
    if hasattr(scene.cycles, "volume_biased"):
        scene.cycles.volume_biased = True
    return volume


def inputs(volume):
    return volume.active_material.node_tree.nodes["Group"].inputs


def rendered(scene, tmp_path):
    """Linear RGB [SIZE, SIZE, 3], row 0 at the top."""
    scene.render.filepath = str(tmp_path / "picture.exr")
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(scene.render.filepath)
    pixels = np.array(image.pixels[:]).reshape(SIZE, SIZE, 4)[::-1, :, :3]
    bpy.data.images.remove(image)
    return pixels


def of_the_ball(picture):
    return picture[12:16, 14:18].mean(axis=(0, 1))


def of_the_floor(picture):
    """Beside the ball, where it could light it."""
    return picture[-6:, :8].mean(axis=(0, 1))


def test_radiance_has_the_fields_colours_and_lights_nothing_unless_told_to(scene, ball, tmp_path):
    bpy.data.objects["Sun"].data.energy = 0.0
    picture = rendered(scene, tmp_path)
    assert of_the_ball(picture) == pytest.approx(RED, abs=0.01)
    reflected = of_the_floor(picture)[0]  # the floor is a little glossy, and shows it as a mirror would
    inputs(ball)["Lights Others"].default_value = True
    lit = of_the_floor(rendered(scene, tmp_path))[0]
    print(f"floor {reflected:.4f}, lit {lit:.4f}")
    assert lit > 8 * reflected


def test_radiances_inputs_turn_what_they_say(scene, ball, tmp_path):
    bpy.data.objects["Sun"].data.energy = 0.0
    for name, value, wanted in (
        ("Brightness", 2.0, (0.68, 0.04, 0.04)),
        ("Tint", (0.5, 1.0, 1.0, 1.0), (0.17, 0.02, 0.02)),
        ("Contrast", 2.0, (0.34**2 / 0.18, 0.02**2 / 0.18, 0.02**2 / 0.18)),
    ):
        before = inputs(ball)[name].default_value
        before = tuple(before) if name == "Tint" else before
        inputs(ball)[name].default_value = value
        assert of_the_ball(rendered(scene, tmp_path)) == pytest.approx(wanted, abs=0.02), name
        inputs(ball)[name].default_value = before
    inputs(ball)["Density"].default_value = 0.002
    assert of_the_ball(rendered(scene, tmp_path))[0] < 0.15


def test_a_scattering_cloud_is_about_as_bright_as_the_field_without_bounces_and_with(scene, ball, tmp_path):
    api.set_look(ball, "SCATTERING")
    once = of_the_ball(rendered(scene, tmp_path))
    scene.cycles.volume_bounces, inputs(ball)["Ambient"].default_value = 6, 0.0
    often = of_the_ball(rendered(scene, tmp_path))
    print(f"once {once}, often {often}")
    for seen in (once, often):
        assert 0.5 * RED[0] < seen[0] < 2 * RED[0]
        assert seen[0] > 4 * seen[1], "it is red"
    inputs(ball)["Brightness"].default_value = 2.0
    assert of_the_ball(rendered(scene, tmp_path))[0] > 1.15 * often[0]


def test_results_share_a_group_and_have_their_own_inputs(scene, ball, finished_job, small_field):
    other = import_volume(finished_job(field=small_field, name="job2"), scene)
    groups = [obj.active_material.node_tree.nodes["Group"].node_tree for obj in (ball, other)]
    assert groups[0] == groups[1]
    inputs(ball)["Density"].default_value = 3.0
    assert inputs(other)["Density"].default_value == 1.0


@pytest.mark.parametrize("blur", [True, False])
@pytest.mark.parametrize("biased", [True, False])
def test_the_panel_says_what_motion_blur_does_to_a_volume_where_it_does_that(scene, ball, addon, blur, biased):
    if not hasattr(scene.cycles, "volume_biased"):
        pytest.skip("Cycles of Blender 4.5 has no unbiased volumes")
    scene.cycles.volume_biased, scene.render.use_motion_blur = biased, blur
    bpy.context.view_layer.objects.active = ball
    layout = Layout()
    result_panel.SJC_PT_result.draw(SimpleNamespace(layout=layout), context(640))
    assert ("bright specks in Cycles" in " ".join(layout.texts())) == (blur and not biased)
