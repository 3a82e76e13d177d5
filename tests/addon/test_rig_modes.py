"""Region and animation: the viewpoints are those of the scene, and the scene is as it was."""

import json
import math
import os
import subprocess
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Vector

from sjc_blender.addon.rigs.region import shortest_arc
from sjc_blender.addon.rigs.rig import cameras_from_scene
from sjc_blender.addon.rigs.rig_choice import RigChoice, rig_choice
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.spec import CameraRig, DomainSpec, JobSpec, OrbitRig
from sjc_blender.protocol.validation import faults
from tests.addon.evaluated_call import read


def rig_of(rig, **options):
    bpy.context.view_layer.update()
    return read(cameras_from_scene, rig, DomainSpec(), **options)


def camera_at(collection, azimuth, elevation=0.0, distance=4.0, lens=50.0, name="Camera", aim=(0, 0, 0)):
    a, e = math.radians(azimuth), math.radians(elevation)
    obj = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    obj.data.lens, obj.data.sensor_width = lens, 36.0
    obj.location = np.array((math.cos(e) * math.sin(a), -math.cos(e) * math.cos(a), math.sin(e))) * distance
    obj.rotation_euler = (Vector(aim) - obj.location).to_track_quat("-Z", "Y").to_euler()
    collection.objects.link(obj)
    return obj


@pytest.fixture
def collection(scene):
    scene.render.resolution_x = scene.render.resolution_y = 512
    made = bpy.data.collections.new("Views")
    scene.collection.children.link(made)
    return made


# ---- Region --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("azimuths", "arc"),
    [
        ([-50, 10, 50], (-50, 50)),
        ([150, 180, -110], (150, 250)),  # across the seam behind the domain
        ([-170, 170], (170, 190)),
        ([200, 250], (-160, -110)),
        ([90], (90, 90)),
        ([0, 90, 180, 270], (90, 360)),
    ],
)
def test_the_shortest_arc_holds_every_azimuth(azimuths, arc):
    first, last = shortest_arc([float(a) for a in azimuths])
    assert last - first == pytest.approx(arc[1] - arc[0])
    assert -360 <= first <= last <= 360
    for azimuth in azimuths:
        assert (azimuth - first) % 360 <= last - first + 1e-9 or (azimuth - first) % 360 == pytest.approx(360)
    if len(azimuths) < 4:  # four quarters have four such arcs
        assert (first - arc[0]) % 360 == pytest.approx(0)


def test_a_region_is_what_its_cameras_span_across_the_seam(collection):
    camera_at(collection, 150, 5, 3.0, lens=50)
    camera_at(collection, -110, 40, 5.0, lens=35)
    camera_at(collection, 180, 20, 4.0, lens=40)
    camera_at(collection, 0, 80, 9.0)["sjc_weight"] = 0  # does not count
    rig = rig_of("REGION:Views")
    assert isinstance(rig, OrbitRig)
    assert rig.azimuth == pytest.approx((150, 250), abs=1e-3)
    assert rig.elevation == pytest.approx((5, 40), abs=1e-3)
    assert rig.distance == pytest.approx((3, 5), abs=1e-4)
    assert rig.field_of_view == pytest.approx([2 * math.degrees(math.atan(18 / lens)) for lens in (50, 35)], abs=1e-3)
    assert faults(JobSpec("a red chair", cameras=rig)) == []


def test_cameras_of_a_region_have_to_look_at_the_centre(collection):
    camera_at(collection, 0, name="Good")
    camera_at(collection, 90, name="Aside", aim=(0, 2.2, 0))
    camera_at(collection, 180, name="Flat").data.type = "ORTHO"
    with pytest.raises(SjcError) as caught:
        rig_of(RigChoice("REGION", collection))
    assert caught.value.code == "unusable_cameras"
    assert "'Aside' does not look at the domain's centre" in caught.value.message
    assert "'Flat' is orthographic" in caught.value.message and "Good" not in caught.value.message


# ---- Animation -----------------------------------------------------------------------------------------------------


@pytest.fixture
def path(scene, collection):
    """Give a camera whose place, lens and constraint are animated, seen from 1 to 41."""
    scene.frame_start, scene.frame_end = 1, 41
    target = bpy.data.objects.new("Target", None)
    scene.collection.objects.link(target)
    obj = camera_at(collection, 0, name="Mover")
    track = obj.constraints.new("TRACK_TO")
    track.target, track.track_axis, track.up_axis = target, "TRACK_NEGATIVE_Z", "UP_Y"
    for frame, place, lens, aim in ((1, (0, -4, 0), 30, 0.0), (20, (4, -1, 2), 60, 0.4), (41, (1, 4, 1), 35, 0.0)):
        obj.location, obj.data.lens, target.location.z = place, lens, aim
        obj.keyframe_insert("location", frame=frame)
        obj.data.keyframe_insert("lens", frame=frame)
        target.keyframe_insert("location", frame=frame)
    scene.camera = obj
    return obj


def evaluated_at(scene, obj, moment):
    scene.frame_set(math.floor(moment), subframe=moment - math.floor(moment))
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return np.array(evaluated.matrix_world), evaluated.data.lens


def test_the_path_is_the_evaluated_camera_at_even_moments(scene, path):
    rig = rig_of(RigChoice("ANIMATION", samples=17), jitter=3.0)
    assert isinstance(rig, CameraRig) and rig.jitter == 3.0
    moments = np.linspace(1, 41, 17)
    assert any(moment % 1 for moment in moments)
    for camera, moment in zip(rig.cameras, moments, strict=True):
        matrix, lens = evaluated_at(scene, path, moment)
        assert np.allclose(camera.pose, matrix, atol=1e-5)
        assert camera.window[1] == pytest.approx(18 / lens, rel=1e-5)
    assert len({camera.window for camera in rig.cameras}) > 10
    assert faults(JobSpec("a red chair", cameras=rig)) == []


def test_the_scene_is_as_it_was(scene, path):
    scene.frame_set(7, subframe=0.25)
    path.location.x = 9.0  # moved by hand and not keyed yet
    path.data.lens = 21.0
    bpy.context.view_layer.update()
    other = bpy.data.objects.new("Other", bpy.data.cameras.new("Other"))
    scene.collection.objects.link(other)
    before = (scene.frame_current, scene.frame_subframe, tuple(path.location), path.data.lens, len(bpy.data.objects))
    matrix = np.array(path.matrix_world)
    rig_of("ANIMATION:3-12")
    after = (scene.frame_current, scene.frame_subframe, tuple(path.location), path.data.lens, len(bpy.data.objects))
    assert after == before
    assert scene.camera is path
    bpy.context.view_layer.update()
    assert np.allclose(np.array(path.matrix_world), matrix, atol=1e-6)


def test_a_weight_may_be_animated(scene, path):
    for frame, weight in ((1, 1.0), (41, 3.0)):
        path["sjc_weight"] = weight
        path.keyframe_insert('["sjc_weight"]', frame=frame)
    path["sjc_weight"] = 7.0
    weights = [camera.weight for camera in rig_of(RigChoice("ANIMATION", samples=3)).cameras]
    assert weights == pytest.approx([1.0, 2.0, 3.0])
    assert path["sjc_weight"] == 7.0


def test_markers_switch_the_camera_along_the_path(scene, path, collection):
    second = camera_at(collection, 90, name="Second")
    for frame, camera in ((1, path), (21, second)):
        scene.timeline_markers.new(str(frame), frame=frame).camera = camera
    names = [camera.name for camera in rig_of(RigChoice("ANIMATION", samples=5)).cameras]
    assert names == ["Mover, frame 1", "Mover, frame 11", "Second, frame 21", "Second, frame 31", "Second, frame 41"]


def test_moments_that_cannot_be_used_are_named_and_the_scene_is_still_as_it_was(scene, path):
    path.data.type = "PANO"
    scene.frame_set(5)
    with pytest.raises(SjcError) as caught:
        rig_of(RigChoice("ANIMATION", samples=30))
    assert "30 cameras of the animation cannot be used" in caught.value.message
    assert "'Mover, frame 1' is panoramic" in caught.value.message and "and 22 more" in caught.value.message
    assert scene.frame_current == 5


def test_what_cannot_be_played_is_refused(scene, path):
    with pytest.raises(SjcError, match="frames are 12 to 3") as caught:
        rig_of("ANIMATION:12-3")
    assert caught.value.code == "bad_frames"
    scene.camera = None
    with pytest.raises(SjcError, match="has no camera at frame 1") as caught:
        rig_of("ANIMATION")
    assert caught.value.code == "no_cameras"


# ---- How a rig is named, and what a camera says -------------------------------------------------------------------


def test_texts_name_rigs(collection):
    assert rig_choice("ORBIT") == RigChoice()
    assert rig_choice("Views") == rig_choice(collection) == RigChoice("CAMERAS", collection)
    assert rig_choice("REGION:Views") == RigChoice("REGION", collection)
    assert rig_choice("ANIMATION:-5-20").frames == (-5, 20)
    for unknown in ("Nobody", "REGION:Nobody", "ANIMATION:1"):
        with pytest.raises(SjcError, match="There is no collection") as caught:
            rig_choice(unknown)
        assert caught.value.code == "unknown_rig" and "REGION:COLLECTION" in caught.value.hint


def test_a_camera_has_its_own_words(collection):
    camera_at(collection, 0, name="A")["sjc_prompt"] = " underside of {prompt} "
    camera_at(collection, 90, name="B")
    assert [camera.view_text for camera in rig_of(collection).cameras] == ["underside of {prompt}", ""]
    collection.objects["B"]["sjc_prompt"] = 3
    with pytest.raises(SjcError, match="'B' has the text 3"):
        rig_of(collection)


# ---- What the engine draws from them ------------------------------------------------------------------------------


def test_the_engine_draws_what_the_scene_says(scene, collection, path, tmp_path):
    path.users_collection[0].objects.unlink(path)
    scene.collection.objects.link(path)
    for name, azimuth, elevation, weight in (("A", 150, 10, 1.0), ("B", -150, 30, 3.0), ("C", 180, 20, 0.0)):
        camera_at(collection, azimuth, elevation, 3.0, name=name)["sjc_weight"] = weight
    camera_at(collection, -150, 30, 5.0, lens=35, name="D")
    jobs = []
    for number, (rig, jitter) in enumerate(((collection, 6.0), ("REGION:Views", 0.0), ("ANIMATION", 0.0))):
        spec = JobSpec("a red chair", cameras=rig_of(rig, jitter=jitter))
        jobs.append(str(JobFolder.create(tmp_path / str(number), spec).spec_path))
    script = str(Path(__file__).with_name("engine_viewpoints.py"))
    python = os.environ["SJC_ENGINE_PYTHON"]
    out = subprocess.run([python, script, "3000", *jobs], capture_output=True, text=True, timeout=120, check=True)
    cameras, region, moments = json.loads(out.stdout)

    names = [row[0] for row in cameras]
    assert [names.count(name) / 3000 for name in "ABCD"] == pytest.approx([0.2, 0.6, 0.0, 0.2], abs=0.03)
    turned = np.array([row[1:3] for row in cameras if row[0] == "A"]) - (150, 10)
    assert np.abs(turned).max() <= 6.001 and turned.std(axis=0) == pytest.approx([12 / math.sqrt(12)] * 2, rel=0.1)

    azimuth, elevation, distance, width = np.array([row[1:] for row in region]).T
    assert azimuth.min() >= 149.99 and azimuth.max() <= 210.01 and azimuth.mean() == pytest.approx(180, abs=1.5)
    assert azimuth.std() == pytest.approx(60 / math.sqrt(12), rel=0.05)
    low, high = math.sin(math.radians(10)), math.sin(math.radians(30))
    assert np.sin(np.radians(elevation)).mean() == pytest.approx((low + high) / 2, abs=0.01)
    assert (distance.min(), distance.max()) == pytest.approx((3, 5), abs=0.02)
    # Fields of view are uniform in degrees, from a lens of 50 mm to one of 35 mm on 36 mm.
    angles = np.degrees(2 * np.arctan(width))
    limits = [2 * math.degrees(math.atan(18 / lens)) for lens in (50, 35)]
    assert (angles.min(), angles.max()) == pytest.approx(limits, abs=0.1)
    assert angles.mean() == pytest.approx(sum(limits) / 2, abs=0.3)

    assert len({row[0] for row in moments}) == 48
    assert max(np.unique([row[0] for row in moments], return_counts=True)[1]) < 3 * 3000 / 48
