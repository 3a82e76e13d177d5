"""``--command sjc render``: a picture for each camera of a rig."""

import json
from pathlib import Path

import bpy
import pytest

from sjc_blender.addon.commands.command_line import main
from sjc_blender.addon.commands.outcome import EXIT_FAILED, EXIT_OK, EXIT_USAGE

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
    assert main(["render", "--out", "pictures", *QUICK]) == EXIT_OK  # the one that was chosen before
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
