"""Camera paths: the paper's spiral, an orbit, cameras from a file."""

import json
import math

import pytest

from sjc_blender.engine.cameras.camera_paths import job_orbit, named_path, read_cameras
from sjc_blender.engine.cameras.viewpoints import orbit_camera, viewpoint_of
from sjc_blender.protocol import codec, presets
from sjc_blender.protocol.errors import InvalidSpec, SjcError
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.spec import CameraRig, OrbitRig


def eyes(cameras):
    return [tuple(row[3] for row in camera.pose[:3]) for camera in cameras]


def test_the_spiral_is_that_of_the_papers_videos():
    path = named_path("spiral", OrbitRig())
    assert len(path) == 140
    for index, (x, y, z) in enumerate(eyes(path)):
        share = (60 + index + 1) / 200
        assert z == pytest.approx(1.5 * (1 - share))
        assert math.hypot(x, y) == pytest.approx(max(1.5 * math.sin(share * math.pi / 2), 0.5))
        turn = math.atan2(x, -y) / (2 * math.pi)  # from the front towards +X
        assert abs((turn - 3 * share + 0.5) % 1 - 0.5) < 1e-6
    assert eyes(path)[-1] == pytest.approx((0, -1.5, 0), abs=1e-6), "it ends level, before the front"


def test_an_orbit_is_one_level_turn_from_the_front():
    path = named_path("orbit", OrbitRig(distance=(2.0, 4.0), field_of_view=(40.0, 60.0)))
    views = [viewpoint_of(camera) for camera in path]
    assert [view.azimuth % 360 for view in views] == pytest.approx([3.0 * k for k in range(120)])
    assert {round(view.elevation, 6) for view in views} == {15.0}
    assert math.dist(eyes(path)[5], (0, 0, 0)) == pytest.approx(3.0)
    assert path[0].window[1] == pytest.approx(math.tan(math.radians(25)))


def test_a_job_with_cameras_is_filmed_on_its_models_orbit():
    rig = CameraRig((orbit_camera(0.0, 0.0, 3.0, 40.0),))
    job = presets.new_job("a red chair", cameras=rig)
    assert job_orbit(job) == load_profile("builtin").orbit
    assert job_orbit(presets.new_job("a red chair", cameras={"distance": (5.0, 5.0)})).distance == (5.0, 5.0)


@pytest.mark.parametrize("wrapped", [False, True])
def test_cameras_come_from_a_file(tmp_path, wrapped):
    # Inside the domain: a path may go through the object.
    cameras = [orbit_camera(a, 10.0, d, 40.0, f"frame {a}") for a, d in ((0.0, 3.0), (30.0, 0.5))]
    data = codec.encode(CameraRig(tuple(cameras))) if wrapped else codec.encode(cameras)
    path = tmp_path / "path.json"
    path.write_text(json.dumps(data))
    assert read_cameras(path) == cameras


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (None, "unknown_path", "spiral"),
        ("{", "bad_camera_file", "not valid JSON"),
        ("[]", "invalid_spec", "at least one camera"),
        ("{}", "invalid_spec", "cameras"),
        ('[{"name": "a"}]', "invalid_spec", "pose"),
        ("scaled", "invalid_spec", "without scale"),
    ],
)
def test_files_that_are_no_path_are_refused_in_words(tmp_path, text, code, words):
    path = tmp_path / "path.json"
    if text == "scaled":
        camera = codec.encode(orbit_camera(0.0, 0.0, 3.0, 40.0))
        camera["pose"][0][0] = 2.0
        text = json.dumps([camera])
    if text is not None:
        path.write_text(text)
    with pytest.raises(SjcError) as caught:
        read_cameras(path)
    assert caught.value.code == code
    assert isinstance(caught.value, InvalidSpec) == (code == "invalid_spec")
    assert words in caught.value.message
