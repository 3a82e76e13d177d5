"""``--command sjc render``: a picture for each camera of a rig."""

import json
from pathlib import Path

import bpy
import mathutils
import numpy as np
import pytest

from sjc_blender.addon.commands import graphics_check
from sjc_blender.addon.commands.command_line import main
from sjc_blender.addon.commands.outcome import EXIT_FAILED, EXIT_OK, EXIT_USAGE
from sjc_blender.addon.commands.render_command import ENGINES
from sjc_blender.addon.rigs import rig_building
from sjc_blender.protocol.reference_views import read_reference_views

QUICK = ["--size", "8", "--samples", "1", "--engine", "cycles"]


@pytest.fixture(autouse=True)
def rig(scene, tmp_path, monkeypatch):
    """Put two cameras with equal file names into a rig, one looking at a bright world, one from inside a black box."""
    monkeypatch.chdir(tmp_path)
    scene.world = bpy.data.worlds.new("World")
    scene.render.resolution_percentage = 50
    collection = bpy.data.collections.new("Rig")
    scene.collection.children.link(collection)
    for number, name in enumerate(("View.1", "View-1")):
        obj = bpy.data.objects.new(name, bpy.data.cameras.new(name))
        obj.location.x = 100 * number
        collection.objects.link(obj)
    mesh = bpy.data.meshes.new("Box")
    corners = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
    mesh.from_pydata(corners, [], [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)])
    scene.collection.objects.link(bpy.data.objects.new("Box", mesh))
    return collection


def brightness(path) -> float:
    image = bpy.data.images.load(str(path))
    assert image.size[:] == (8, 8)
    return sum(image.pixels) / len(image.pixels)


def test_each_camera_of_a_rig_has_its_picture(capfd):
    assert main(["render", "--out", "pictures", "--rig", "Rig", *QUICK, "--json"]) == EXIT_OK
    told = json.loads(capfd.readouterr().out.splitlines()[-1])
    pictures = {picture["camera"]: picture["path"] for picture in told["pictures"]}
    assert [Path(path).name for path in pictures.values()] == ["view-1.png", "view-1-2.png"]
    assert brightness(pictures["View-1"]) > brightness(pictures["View.1"])  # the latter is in the box


def test_one_camera_or_the_scenes(scene, capfd):
    assert main(["render", "--out", "pictures", "--camera", "View.1", *QUICK]) == EXIT_OK
    assert scene.camera is None
    scene.camera = bpy.data.objects["View.1"]
    assert main(["render", "--out", "pictures", *QUICK]) == EXIT_OK
    assert capfd.readouterr().out.splitlines()[-1].endswith("view-1.png")


@pytest.mark.parametrize(
    "options, said, code",
    [
        ([], "--camera", EXIT_USAGE),
        (["--camera", "Nobody"], "View-1, View.1", EXIT_USAGE),
        (["--rig", "Nobody"], "There are: Empty, Rig", EXIT_USAGE),
        (["--rig", "Empty"], "no cameras", EXIT_FAILED),
        (["--size", "0"], "1 or more", EXIT_USAGE),
        (["--camera", "View.1", "--rig", "Rig"], "not allowed with", EXIT_USAGE),
    ],
)
def test_what_cannot_be_rendered_is_said(options, said, code, capfd):
    bpy.data.collections.new("Empty")
    assert main(["render", "--out", "pictures", *options]) == code
    assert said in capfd.readouterr().err


def test_pictures_come_with_their_cameras_for_a_fit(scene):
    domain = rig_building.add_domain(scene)
    domain.location, domain.scale = (1, 2, 3), (2, 1, 1)
    rig = rig_building.add_orbit_rig(scene, domain, count=3)
    rig.name = "Around"
    assert main(["render", "--out", "set", "--rig", "Around", "--views", "--domain", domain.name, *QUICK]) == EXIT_OK
    found = read_reference_views(Path("set"))
    assert found.domain.half_extents == pytest.approx((1.0, 0.5, 0.5))
    assert [row[3] for row in found.domain.matrix_world[:3]] == pytest.approx([1, 2, 3])
    for view in found.views:
        obj = next(camera for camera in rig.objects if camera.name == view.camera.name)
        assert Path("set", view.image).is_file() and view.image.startswith(obj.name.lower().replace(" ", "-"))
        # A domain unit is 2 m here.
        offset = obj.matrix_world.translation - domain.matrix_world.translation
        assert [row[3] for row in view.camera.pose[:3]] == pytest.approx([axis / 2 for axis in offset], abs=1e-5)


def test_other_programs_see_with_the_same_cameras(scene, rig):
    """A point of the scene lies where Blender has it, by the formula of a pinhole on what is written."""
    from bpy_extras.object_utils import world_to_camera_view

    domain = bpy.data.objects.new("Domain", None)
    domain.location, domain.rotation_euler, domain.scale = (1, 2, 3), (0.2, 0.1, 0.7), (2, 2, 2)
    scene.collection.objects.link(domain)
    around = bpy.data.collections.new("Around")
    scene.collection.children.link(around)
    for number, (shift, lens) in enumerate([((0, 0), 50), ((0.1, -0.2), 50), ((0, 0.1), 80)]):
        camera = bpy.data.objects.new(f"Camera {number}", bpy.data.cameras.new("Camera"))
        camera.data.shift_x, camera.data.shift_y, camera.data.lens = *shift, lens
        camera.location = (1 + 9 * number, -8, 4 + number)
        around.objects.link(camera)
        bpy.context.view_layer.update()
        way = domain.matrix_world.translation - camera.matrix_world.translation
        camera.rotation_euler = way.to_track_quat("-Z", "Y").to_euler()
    assert main(["render", "--out", "set", "--rig", "Around", "--views", "--domain", "Domain", *QUICK]) == EXIT_OK
    written = json.loads(Path("set", "transforms.json").read_text())
    scene.render.resolution_x = scene.render.resolution_y = 8
    for frame, camera in zip(written["frames"], sorted(around.objects, key=lambda obj: obj.name), strict=True):
        for point in [(1, 2, 3), (1.5, 1.2, 3.9), (0.2, 2.5, 2.1)]:
            x, y, z, _ = np.linalg.inv(frame["transform_matrix"]) @ [*point, 1]
            u, v = frame["fl_x"] * x / -z + frame["cx"], frame["fl_y"] * -y / -z + frame["cy"]
            seen = world_to_camera_view(scene, camera, mathutils.Vector(point))
            assert (u / 8, 1 - v / 8) == pytest.approx(seen[:2], abs=1e-5)


@pytest.mark.parametrize("options", [["--rig", "Rig"], ["--camera", "View.1", "--size", "8"]])
def test_views_without_a_rig_or_a_size_are_refused(options, capfd):
    assert main(["render", "--out", "set", "--views", *options]) == EXIT_USAGE
    assert "--rig" in capfd.readouterr().err
    assert not Path("set").exists()


def test_without_a_graphics_card_it_says_so_before_blender_ends(capfd, monkeypatch, scene):
    # As in a Blender that is ended by its first drawing; what does not draw is not tried.
    monkeypatch.setattr(graphics_check, "DRAW", "import os; os.abort()")
    options = ["render", "--out", "pictures", "--camera", "View.1", "--size", "8", "--samples", "1"]
    for engine in (["--engine", "eevee"], []):
        scene.render.engine = ENGINES["eevee"]
        assert main([*options, *engine, "--json"]) == EXIT_FAILED
        out, err = capfd.readouterr()
        assert json.loads(out.splitlines()[-1])["error"]["code"] == "no_graphics"
        assert "Use --engine cycles." in err
    assert main([*options, "--engine", "cycles"]) == EXIT_OK


def test_pictures_are_told_as_json_lines(capfd):
    assert main(["render", "--out", "pictures", "--rig", "Rig", *QUICK, "--progress", "json"]) == EXIT_OK
    told = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    assert [(line["event"], line["number"], line["count"], line["camera"]) for line in told] == [
        ("picture", 1, 2, "View-1"),
        ("picture", 2, 2, "View.1"),
    ]
