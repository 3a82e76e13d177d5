"""What a .blend of somebody else keeps of results: any custom property may hold anything."""

import math

import bpy
import pytest

from sjc_blender.addon.batch import arrangement
from sjc_blender.addon.jobs import first_save
from sjc_blender.addon.kept_values import kept_name, kept_number, kept_numbers, kept_text
from sjc_blender.addon.results import before_after, object_frame, origin, remesh, replacement, shown, volume_look
from sjc_blender.protocol.errors import SjcError

VALUES = {
    "number": 10**9,
    "negative": -1.5,
    "no number": float("nan"),
    "infinite": float("inf"),
    "climbing": "../../../../etc",
    "path": "/etc/passwd",
    "another computer": "\\\\evil\\share",
    "empty": "",
    "long": "x" * 100_000,
    "list": [1, 2],
    "sixteen": [float("nan")] * 16,
    "group": {"a": {"b": 1}},
    "bytes": b"\xff\xfe",
}
NAMES = ("job", "folder", "settings", "prompt", "frame", "placed", "threshold", "smoothing", "faces", "source")


@pytest.fixture
def theirs(scene):
    """Make a mesh, as of a result, and a Volume in the scene."""
    mesh = bpy.data.objects.new("mesh", bpy.data.meshes.new("mesh"))
    volume = bpy.data.objects.new("volume", bpy.data.volumes.new("volume"))
    for obj in (mesh, volume):
        scene.collection.objects.link(obj)
        obj["sjc_job"] = "job"
    mesh.modifiers.new(remesh.REDUCTION, "DECIMATE")
    return mesh, volume


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("name", [*NAMES, "batch", "row", "look", "scene"])
def test_whatever_a_property_holds_there_is_a_value_or_a_sentence(theirs, scene, name, value):
    for obj in theirs:
        obj[f"sjc_{name}"] = value
    scene["sjc_scene"] = value
    mesh, volume = theirs
    cut = remesh.cut_of(mesh)
    assert 0 <= cut.threshold <= 1 and 0 <= cut.smoothing <= 3 and remesh.face_limit(mesh) in (0, 10**9)
    assert math.isfinite(object_frame.frame_of(mesh).scale)
    for obj in theirs:
        object_frame.domain_now(obj)
        before_after.sides_of(obj, scene)
        shown.shown_of(obj, scene)
        try:
            origin.job_folder_of(obj)
        except SjcError as error:
            assert error.code in ("not_a_result", "result_folder_missing")
    origin.mesh_of(volume)
    volume_look.look_of(volume)
    arrangement.results_in(scene)
    arrangement.stale(scene, "batch", ["job"])
    first_save.bring_along("/nowhere/scene.blend")
    replacement.take_place(bpy.data.objects.new("new", bpy.data.meshes.new("new")), mesh)


@pytest.mark.parametrize("name", ["../job", "..", "/etc", "a/b", "", "x" * 300, 3, [1]])
def test_a_jobs_name_leads_to_no_other_folder(theirs, scene, tmp_path, name):
    """A stranger's file lies in a folder of its own, beside which there are others."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "job" / "result").mkdir(parents=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "theirs" / "scene.blend"))
    mesh, _ = theirs
    mesh["sjc_job"] = name
    with pytest.raises(SjcError) as refused:
        origin.job_folder_of(mesh)
    assert refused.value.code == "not_a_result"


def test_a_folder_that_is_a_link_in_a_circle_is_a_folder_that_is_not_there(theirs, tmp_path):
    (tmp_path / "circle").symlink_to("circle")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    mesh, _ = theirs
    mesh["sjc_folder"] = "//circle"
    with pytest.raises(SjcError) as refused:
        origin.job_folder_of(mesh)
    assert refused.value.code == "result_folder_missing"


def test_what_is_right_is_read(theirs):
    mesh, _ = theirs
    mesh["text"], mesh["number"], mesh["whole"], mesh["numbers"] = "a chair: red", 0.5, 2, [1.0, 2.0, 3.0]
    assert kept_text(mesh, "text") == "a chair: red" and kept_text(mesh, "number") == ""
    assert kept_name(mesh, "text") == "a chair: red"
    assert kept_number(mesh, "number", 1.0, 0.0, 1.0) == 0.5 and kept_number(mesh, "whole", 1.0, 0.0, 3.0) == 2.0
    assert kept_number(mesh, "whole", 1.0, 0.0, 1.5) == 1.0 and kept_number(mesh, "text", 1.0, 0.0, 1.5) == 1.0
    assert kept_numbers(mesh, "numbers", 3) == (1.0, 2.0, 3.0) and kept_numbers(mesh, "numbers", 2) is None
