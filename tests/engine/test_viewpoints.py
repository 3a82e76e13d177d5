"""Where views come from: the paper's orbit, and cameras that turn about the domain."""

import math

import pytest
import torch

from sjc_blender.engine.cameras.viewpoints import orbit_camera, sample_viewpoint, seen_from_above, viewpoint_of
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.spec import IDENTITY, Camera, CameraRig, OrbitRig

AXES = {"right": 0, "up": 1, "back": 2, "eye": 3}


def column(camera, name):
    return torch.tensor([row[AXES[name]] for row in camera.pose[:3]], dtype=torch.float64)


def close(actual, expected, tolerance=1e-9):
    torch.testing.assert_close(actual, torch.as_tensor(expected, dtype=torch.float64), rtol=0, atol=tolerance)


def draws(rig, count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [sample_viewpoint(rig, generator) for _ in range(count)]


def angle_between(azimuth, other):
    return (azimuth - other + 180) % 360 - 180


@pytest.mark.parametrize(
    ("azimuth", "elevation", "eye", "right"),
    [
        (0, 0, (0, -2, 0), (1, 0, 0)),
        (90, 0, (2, 0, 0), (0, 1, 0)),
        (180, 0, (0, 2, 0), (-1, 0, 0)),
        (-90, 0, (-2, 0, 0), (0, -1, 0)),
        (0, 90, (0, 0, 2), (1, 0, 0)),
        (90, -90, (0, 0, -2), (0, 1, 0)),
        (0, 30, (0, -math.sqrt(3), 1), (1, 0, 0)),
    ],
)
def test_orbit_cameras_by_hand(azimuth, elevation, eye, right):
    camera = orbit_camera(azimuth, elevation, 2.0, 90.0)
    close(column(camera, "eye"), eye)
    close(column(camera, "right"), right)
    assert camera.window == pytest.approx((-1, 1, -1, 1))


@pytest.mark.parametrize("elevation", [-90, -35, 0, 60, 89.9, 90])
@pytest.mark.parametrize("azimuth", [-170, 0, 33])
def test_orbit_cameras_look_at_the_centre_upright(azimuth, elevation):
    camera = orbit_camera(azimuth, elevation, 1.5, 50)
    rotation = torch.stack([column(camera, name) for name in ("right", "up", "back")], dim=1)
    close(rotation.T @ rotation, torch.eye(3))
    assert torch.det(rotation).item() == pytest.approx(1)
    close(column(camera, "eye"), 1.5 * column(camera, "back"))
    assert column(camera, "right")[2] == 0  # the horizon is level
    assert column(camera, "up")[2] > -1e-9


@pytest.mark.parametrize("elevation", [-90, -89, -10, 0, 45, 90])
@pytest.mark.parametrize("azimuth", [-135, 0, 77])
@pytest.mark.parametrize("projection", ["perspective", "orthographic"])
def test_the_direction_of_a_camera_is_the_one_it_was_made_for(azimuth, elevation, projection):
    made = orbit_camera(azimuth, elevation, 1.7, 50)
    found = viewpoint_of(Camera("c", made.pose, made.window, projection))
    assert found.elevation == pytest.approx(elevation)
    assert angle_between(found.azimuth, azimuth) == pytest.approx(0, abs=1e-6)


def test_what_a_parallel_camera_sees_does_not_depend_on_where_it_stands():
    # Looks along -Z like IDENTITY, but stands far to the side.
    pose = ((1.0, 0.0, 0.0, 5.0), (0.0, 1.0, 0.0, -5.0), (0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 0.0, 1.0))
    window = (-6.0, 6.0, -6.0, 6.0)
    assert viewpoint_of(Camera("parallel", pose, window, "orthographic")).elevation == pytest.approx(90)
    assert viewpoint_of(Camera("pinhole", pose, window)).elevation == pytest.approx(
        math.degrees(math.atan2(1, 50**0.5))
    )


@pytest.fixture(scope="module")
def orbit():
    return draws(OrbitRig(), 10_000)


def test_the_papers_orbit_is_uniform_on_its_part_of_the_sphere(orbit):
    low, high = (math.sin(math.radians(limit)) for limit in (-6.4, 83.5))
    sines = torch.tensor([math.sin(math.radians(v.elevation)) for v in orbit]).sort().values
    share = (sines - low) / (high - low)
    assert (share - torch.linspace(0, 1, len(orbit))).abs().max() < 0.0195  # Kolmogorov-Smirnov, p = .001
    azimuths = torch.tensor([v.azimuth for v in orbit]).sort().values / 360 + 0.5
    assert (azimuths - torch.linspace(0, 1, len(orbit))).abs().max() < 0.0195


def test_the_papers_orbit_has_the_elevations_of_the_paper(orbit):
    elevations = torch.tensor([v.elevation for v in orbit])
    # The integral of asin over the rig's sines; the published sampler, clipped at 83.5, has 29.1.
    assert elevations.mean().item() == pytest.approx(28.78, abs=0.6)
    assert -6.4 <= elevations.min() < -6.3
    assert 83 < elevations.max() <= 83.5


def test_the_papers_orbit_enters_the_box_now_and_then(orbit):
    eyes = torch.stack([column(v.camera, "eye") for v in orbit])
    close(eyes.norm(dim=1), torch.full((len(orbit),), 1.5))
    assert (eyes.abs() < 1).all(dim=1).double().mean().item() == pytest.approx(0.044, abs=0.006)


def test_three_views_in_ten_are_called_overhead(orbit):
    words = load_profile("some/pipeline").views
    texts = [words.prompts("a chair", v.azimuth, v.elevation)[0][0] for v in orbit]
    shares = {text: texts.count(text) / len(texts) for text in set(texts)}
    assert shares["overhead view of a chair"] == pytest.approx(0.3, abs=0.015)
    assert shares["front view of a chair"] == pytest.approx(0.7 / 4, abs=0.015)
    assert shares["side view of a chair"] == pytest.approx(0.7 / 2, abs=0.015)


def test_distance_and_field_of_view_are_uniform_in_their_ranges():
    views = draws(OrbitRig(distance=(2.0, 4.0), field_of_view=(40.0, 70.0), azimuth=(10.0, 20.0)), 4000)
    distances = torch.stack([column(v.camera, "eye") for v in views]).norm(dim=1)
    angles = torch.tensor([2 * math.degrees(math.atan(v.camera.window[1])) for v in views])
    azimuths = torch.tensor([v.azimuth for v in views])
    for values, low, high in ((distances, 2, 4), (angles, 40, 70), (azimuths, 10, 20)):
        quantiles = torch.quantile(values.double(), torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0], dtype=torch.float64))
        expected = torch.linspace(low, high, 5, dtype=torch.float64)
        assert (quantiles - expected).abs().max() < 0.04 * (high - low)
        assert low <= values.min() and values.max() <= high


def test_an_orbit_of_one_view_is_that_view():
    rig = OrbitRig(distance=(3.0, 3.0), azimuth=(90.0, 90.0), elevation=(90.0, 90.0), field_of_view=(45.0, 45.0))
    view = draws(rig, 1)[0]
    assert (view.azimuth, view.elevation) == (90.0, pytest.approx(90.0))
    close(column(view.camera, "eye"), [0, 0, 3])


def test_a_seed_repeats_its_views():
    rig = CameraRig((orbit_camera(0, 0, 2, 50), orbit_camera(90, 0, 2, 50)), jitter=5.0)
    for kind in (OrbitRig(), rig):
        assert draws(kind, 5, seed=3) == draws(kind, 5, seed=3)
        assert draws(kind, 5, seed=3) != draws(kind, 5, seed=4)


def weighted(name, azimuth, weight):
    made = orbit_camera(azimuth, 10, 2, 50)
    return Camera(name, made.pose, made.window, weight=weight)


def test_cameras_are_drawn_by_weight_and_left_as_they_are():
    cameras = (weighted("a", 0, 1.0), weighted("never", 50, 0.0), weighted("b", 90, 3.0))
    views = draws(CameraRig(cameras), 4000)
    names = [v.camera.name for v in views]
    assert names.count("never") == 0
    assert names.count("b") / 4000 == pytest.approx(0.75, abs=0.03)
    assert all(v.camera in cameras for v in views)
    assert {round(v.azimuth) for v in views} == {0, 90}


@pytest.mark.parametrize("projection", ["perspective", "orthographic"])
def test_jitter_turns_a_camera_rigidly_about_the_centre(projection):
    turned = torch.tensor(orbit_camera(40, 20, 2.5, 50).pose, dtype=torch.float64)
    if projection == "perspective":
        aside = torch.eye(4, dtype=torch.float64)  # looks a little past the centre, and rolled
        aside[:2, :2] = torch.tensor([[0.8, -0.6], [0.6, 0.8]], dtype=torch.float64)
        aside[0, 3] = 0.1
        turned = turned @ aside
    original = Camera("c", tuple(map(tuple, turned.tolist())), (-0.3, 0.5, -0.2, 0.6), projection)
    start = viewpoint_of(original)
    views = draws(CameraRig((original,), jitter=8.0), 1000)

    in_camera = torch.linalg.inv(turned) @ torch.tensor([0, 0, 0, 1.0], dtype=torch.float64)
    for view in views[:20]:
        pose = torch.tensor(view.camera.pose, dtype=torch.float64)
        close(pose[:3, :3].T @ pose[:3, :3], torch.eye(3))
        close(torch.linalg.inv(pose) @ torch.tensor([0, 0, 0, 1.0], dtype=torch.float64), in_camera)
        assert view.camera.window == original.window
        assert view.camera.projection == projection
    for offsets in (
        torch.tensor([angle_between(v.azimuth, start.azimuth) for v in views]),
        torch.tensor([v.elevation - start.elevation for v in views]),
    ):
        assert -8 <= offsets.min() < -7.8
        assert 7.8 < offsets.max() <= 8.0
        assert offsets.mean().abs() < 0.6
        assert offsets.std().item() == pytest.approx(16 / math.sqrt(12), rel=0.05)


def test_a_camera_right_above_can_be_jittered():
    above = Camera("above", (*IDENTITY[:2], (0.0, 0.0, 1.0, 3.0), IDENTITY[3]), (-1.0, 1.0, -1.0, 1.0))
    for view in draws(CameraRig((above,), jitter=10.0), 50):
        assert view.elevation >= 80 - 1e-9
        assert math.isfinite(view.azimuth)
        close(column(view.camera, "eye"), 3 * column(view.camera, "back"))


@pytest.mark.parametrize(
    ("elevation", "expected"),
    [
        ((-5.0, 83.0), (45.0, 83.0)),
        ((50.0, 60.0), (50.0, 60.0)),
        ((0.0, 45.0), (0.0, 45.0)),
        ((0.0, 20.0), (0.0, 20.0)),
    ],
)
def test_the_part_of_an_orbit_that_is_above(elevation, expected):
    rig = OrbitRig(elevation=elevation, azimuth=(-30.0, 40.0))
    assert seen_from_above(rig) == OrbitRig(elevation=expected, azimuth=(-30.0, 40.0))


def test_cameras_are_left_as_they_are():
    rig = CameraRig(cameras=(orbit_camera(0, 0, 2.0, 50), orbit_camera(0, 80, 2.0, 50)))
    assert seen_from_above(rig) is rig
