"""The renderer against closed forms of volume rendering and of the pinhole camera."""

import dataclasses
import itertools
import math

import pytest
import torch

from sjc_blender.engine.cameras.viewpoints import orbit_camera
from sjc_blender.engine.radiance.field import VoxelField
from sjc_blender.engine.radiance.radiance_grid import RadianceGrid
from sjc_blender.engine.radiance.rays import Rays, camera_rays
from sjc_blender.engine.radiance.renderer import render, render_chunked
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.spec import IDENTITY, Camera


class Formula:
    """A field given by formulas, in a box."""

    voxels = None

    def __init__(self, density, features=None, half_extents=(1.0, 1.0, 1.0), voxel_size=0.1):
        self.density = density
        self.features = features or (lambda points: torch.ones_like(points[:, :1]))
        self.half_extents = torch.tensor(half_extents, dtype=torch.float64)
        self.voxel_size = voxel_size

    def background(self, directions):
        return torch.zeros_like(directions[:, :1])


def haze(sigma):
    return lambda points: torch.full_like(points[:, 0], sigma)


def ray(origin, direction):
    origin, direction = (torch.tensor([v], dtype=torch.float64) for v in (origin, direction))
    return Rays(origin, direction / direction.norm(), 1, 1)


def view(azimuth=30.0, elevation=20.0, size=16, distance=1.5, field_of_view=60.0, dtype=torch.float32):
    return camera_rays(orbit_camera(azimuth, elevation, distance, field_of_view), size, size, dtype=dtype)


def random_field(half_extents=(1.0, 0.6, 0.4), resolution=10, spread=10.0, **options):
    generator = torch.Generator().manual_seed(0)
    field = VoxelField(half_extents, resolution, 4, generator=generator, **options)
    with torch.no_grad():
        field.density_grid.copy_(spread * torch.randn(field.density_grid.shape, generator=generator))
        field.background_texture.texels.copy_(torch.randn(16, 4, generator=generator))
    return field


@pytest.mark.parametrize("spread", [0.1, 10.0, 1000.0])
def test_weights_and_what_passes_sum_to_one(spread):
    rendering = render(random_field(spread=spread), view(), far=10.0)
    passed = 1 - rendering.opacity.view(-1)
    torch.testing.assert_close(rendering.weights.sum(dim=1) + passed, torch.ones(256))
    assert (rendering.weights >= 0).all()


@pytest.mark.parametrize("renderer", ["torch", "fused"])
def test_the_sums_of_logarithms_are_those_of_the_weights(renderer):
    field = random_field()
    field.renderer = renderer
    rendering = render(field, view(), emptiness_scale=10.0)
    torch.testing.assert_close(rendering.log_sums, torch.log1p(10 * rendering.weights).sum(dim=1))


# Where the ray starts, where it goes, how long it is in the box of half sides 1, .5, .25.
CHORDS = [
    ((-3.0, 0.0, 0.0), (1.0, 0.0, 0.0), 2.0),
    ((0.2, -2.0, 0.1), (0.0, 1.0, 0.0), 1.0),
    ((0.0, 0.0, 9.0), (0.0, 0.0, -1.0), 0.5),
    ((0.0, -1.5, 0.0), (1.0, 1.5, 0.0), math.hypot(1 / 3, 0.5)),  # enters at (2/3, -1/2), leaves at (1, 0)
    ((-2.0, -1.0, -0.5), (2.0, 1.0, 0.5), 2 * math.sqrt(1 + 0.25 + 0.0625)),  # from corner to corner
    ((0.3, 0.1, 0.05), (1.0, 0.0, 0.0), 0.7),  # from inside
    ((0.3, 0.1, 0.05), (0.0, 0.0, 1.0), 0.2),
    ((1.5, 0.0, 0.0), (1.0, 0.0, 0.0), 0.0),  # the box is behind
    ((-3.0, 0.6, 0.0), (1.0, 0.0, 0.0), 0.0),  # beside
    ((-3.0, 3.0, 3.0), (0.1, 1.0, 0.0), 0.0),
]


@pytest.mark.parametrize(("origin", "direction", "length"), CHORDS)
@pytest.mark.parametrize("voxel_size", [0.3, 0.1])
def test_a_homogeneous_box_has_the_opacity_of_its_chord_at_any_step(origin, direction, length, voxel_size):
    box = Formula(haze(1.7), half_extents=(1.0, 0.5, 0.25), voxel_size=voxel_size)
    rendering = render(box, ray(origin, direction))
    assert rendering.opacity.item() == pytest.approx(1 - math.exp(-1.7 * length), abs=1e-12)
    assert rendering.image.item() == pytest.approx(rendering.opacity.item(), abs=2e-3)


def order_of_convergence(error_at):
    errors = [abs(error_at(voxel_size)) for voxel_size in (0.08, 0.04, 0.02)]
    return [math.log2(coarse / fine) for coarse, fine in itertools.pairwise(errors)]


def test_opacity_of_a_smooth_cloud_converges_with_second_order():
    # sigma(t) = 3 (1 - t^2) along the ray through the centre: optical depth 3 * 4/3.
    def error(voxel_size):
        cloud = Formula(lambda points: 3 * (1 - points[:, 0] ** 2), voxel_size=voxel_size)
        return render(cloud, ray((-4, 0, 0), (1, 0, 0))).opacity.item() - (1 - math.exp(-4.0))

    assert order_of_convergence(error) == pytest.approx([2, 2], abs=0.1)


def test_depth_of_haze_converges_with_second_order():
    sigma, entry, length = 1.3, 3.0, 2.0
    passed = math.exp(-sigma * length)
    expected = entry * (1 - passed) + (1 - passed * (1 + sigma * length)) / sigma + passed * 10.0

    def error(voxel_size):
        return render(Formula(haze(sigma), voxel_size=voxel_size), ray((-4, 0, 0), (1, 0, 0))).depth.item() - expected

    assert order_of_convergence(error) == pytest.approx([2, 2], abs=0.1)


def test_image_of_a_colour_ramp_converges_with_second_order():
    sigma, length = 1.3, 2.0
    # f = x + 1 = t since entry: integral of sigma exp(-sigma t) t.
    expected = (1 - math.exp(-sigma * length) * (1 + sigma * length)) / sigma

    def error(voxel_size):
        box = Formula(haze(sigma), lambda points: points[:, :1] + 1, voxel_size=voxel_size)
        return render(box, ray((-4, 0, 0), (1, 0, 0)), weight_threshold=0).image.item() - expected

    assert order_of_convergence(error) == pytest.approx([2, 2], abs=0.1)


def projected(camera, point, size):
    """Column and row, in pixels, of a point in a square image, by the pinhole model."""
    pose = torch.tensor(camera.pose, dtype=torch.float64)
    x, y, z = pose[:3, :3].T @ (torch.tensor(point, dtype=torch.float64) - pose[:3, 3])
    left, right, bottom, top = camera.window
    return (x / -z - left) / (right - left) * size, (top - y / -z) / (top - bottom) * size


@pytest.mark.parametrize("azimuth", [0.0, 90.0, 180.0, -90.0])
@pytest.mark.parametrize("voxel", [(13, 5, 1), (2, 2, 4)])
def test_one_hot_voxel_is_where_the_pinhole_model_says(azimuth, voxel):
    field = VoxelField((1.0, 0.5, 0.4), 16, 4)
    with torch.no_grad():
        field.density_grid.fill_(-100.0)
        field.density_grid[(0, *voxel)] = 200.0
    camera = orbit_camera(azimuth, 30.0, 2.5, 60.0)
    size = 96
    opacity = render(field, camera_rays(camera, size, size)).opacity
    pixels = torch.arange(size) + 0.5
    column = (opacity.sum(dim=0) * pixels).sum() / opacity.sum()
    row = (opacity.sum(dim=1) * pixels).sum() / opacity.sum()
    centre = [-h + (i + 0.5) / 8 for h, i in zip((1.0, 0.5, 0.375), voxel, strict=True)]
    expected_column, expected_row = projected(camera, centre, size)
    assert opacity.max() > 0.9
    assert column.item() == pytest.approx(expected_column.item(), abs=0.3)
    assert row.item() == pytest.approx(expected_row.item(), abs=0.3)


@pytest.mark.parametrize(
    ("azimuth", "point", "side"),
    [(0, (0.5, 0, 0), 1), (90, (0, 0.5, 0), 1), (180, (0.5, 0, 0), -1), (-90, (0, 0.5, 0), -1)],
)
def test_left_and_right_and_top(azimuth, point, side):
    blob = Formula(lambda points: 50.0 * ((points - torch.tensor(point)).norm(dim=1) < 0.2))
    opacity = render(blob, view(azimuth, 0.0, 32, 2.5, dtype=torch.float64)).opacity
    halves = opacity[:, :16].sum(), opacity[:, 16:].sum()
    assert (halves[1] > halves[0]) == (side > 0)
    above = Formula(lambda points: 50.0 * ((points - torch.tensor((0, 0, 0.5))).norm(dim=1) < 0.2))
    opacity = render(above, view(azimuth, 0.0, 32, 2.5, dtype=torch.float64)).opacity
    assert opacity[:16].sum() > 10 * opacity[16:].sum()


def test_twice_the_box_with_half_the_density_is_the_same_picture():
    generator = torch.Generator().manual_seed(0)
    density = 20 * torch.rand(8, 5, 4, generator=generator, dtype=torch.float64)
    rgb = torch.rand(8, 5, 4, 3, generator=generator, dtype=torch.float64)
    extents = torch.tensor([1.0, 0.625, 0.5], dtype=torch.float64)
    background = torch.tensor([0.2, 0.5, 0.7], dtype=torch.float64)
    small = RadianceGrid(density, rgb, extents, background)
    large = RadianceGrid(density / 2, rgb, 2 * extents, background)
    near = render(small, view(dtype=torch.float64, distance=1.5), far=10)
    distant = render(large, view(dtype=torch.float64, distance=3.0), far=20)
    torch.testing.assert_close(distant.image, near.image)
    torch.testing.assert_close(distant.opacity, near.opacity)
    torch.testing.assert_close(distant.depth, 2 * near.depth)


def test_depth_of_an_opaque_plane_is_the_distance_along_the_ray():
    wall = Formula(lambda points: 1e6 * (points[:, 1] > 0.123), voxel_size=0.05)
    rays = view(0.0, 0.0, 9, 2.0, 40.0, torch.float64)
    depth = render(wall, rays).depth.view(-1)
    expected = (0.123 + 2.0) / rays.directions[:, 1]
    behind = depth - expected  # by the first sample in the wall; samples are .025 apart
    assert behind.min() >= -1e-9
    assert behind.max() <= 0.025


def test_depth_of_an_opaque_plane_of_voxels_is_within_half_a_voxel():
    field = VoxelField((1.0, 1.0, 1.0), 32, 4).double()
    with torch.no_grad():
        field.density_grid.fill_(-1e5)
        field.density_grid[:, :, 20:] = 1e5
    rays = view(0.0, 0.0, 9, 2.0, 40.0, torch.float64)
    depth = render(field, rays).depth.view(-1)
    surface = -1 + 20 / 16
    expected = (surface + 2.0) / rays.directions[:, 1]
    assert (depth - expected).abs().max() < 0.5 / 16 / rays.directions[:, 1].min()


def test_the_near_hides_the_far():
    def colour(points):
        return torch.where(points[:, 1:2] < 0, 1.0, -1.0)

    box = Formula(lambda points: 1e3 * (points[:, 1].abs() < 0.5), colour)
    assert render(box, ray((0, -3, 0), (0, 1, 0))).image.item() == pytest.approx(1)
    assert render(box, ray((0, 3, 0), (0, -1, 0))).image.item() == pytest.approx(-1)


def test_rays_that_miss_show_the_background_only():
    field = random_field()
    camera = Camera("away", orbit_camera(0, 0, 3, 60).pose, (5.0, 6.0, 5.0, 6.0))
    rays = camera_rays(camera, 4, 4)
    rendering = render(field, rays, far=10)
    assert (rendering.opacity == 0).all()
    assert (rendering.depth == 10).all()
    torch.testing.assert_close(rendering.image.flatten(1).T, field.background(rays.directions))
    rendering.image.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in field.parameters())
    assert field.background_texture.texels.grad.abs().sum() > 0


def test_a_camera_in_the_box_sees_what_is_before_it():
    colours = Formula(haze(1e4), lambda points: points[:, :1], half_extents=(1.0, 1.0, 1.0), voxel_size=0.02)
    wall = Formula(lambda points: 1e4 * (points[:, 0].abs() > 0.5), colours.features, voxel_size=0.02)
    assert render(wall, ray((0, 0, 0), (1, 0, 0))).image.item() == pytest.approx(0.5, abs=0.01)
    assert render(wall, ray((0, 0, 0), (-1, 0, 0))).image.item() == pytest.approx(-0.5, abs=0.01)
    assert render(wall, ray((0, 0, 0), (1, 0, 0))).depth.item() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("direction", [(1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 0.0, 1.0)])
@pytest.mark.parametrize("origin", [(1.0, 1.0, 1.0), (-1.0, 0.0, -1.0), (0.0, 1.0, 0.0)])
def test_rays_in_the_faces_of_the_box_are_finite(origin, direction):
    field = random_field((1.0, 1.0, 1.0)).double()
    rendering = render(field, ray(origin, direction))
    rendering.image.sum().backward()
    assert rendering.image.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in field.parameters())


@pytest.mark.parametrize("raw", [-1e6, 1e6])
def test_empty_and_saturated_boxes_have_finite_gradients(raw):
    field = random_field()
    with torch.no_grad():
        field.density_grid.fill_(raw)
    rendering = render(field, view(), emptiness_scale=10.0)
    (rendering.image.sum() + rendering.depth.sum() + rendering.log_sums.sum()).backward()
    assert rendering.image.isfinite().all()
    for parameter in field.parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all()


def test_one_pixel():
    rendering = render(random_field(), view(size=1))
    assert rendering.image.shape == (4, 1, 1)
    assert rendering.depth.shape == rendering.opacity.shape == (1, 1)


def test_samples_lie_half_a_voxel_apart():
    rendering = render(Formula(haze(1.0), voxel_size=0.1), ray((-4, 0, 0), (1, 0, 0)))
    assert rendering.weights.shape[1] in (40, 41)
    torch.testing.assert_close(
        rendering.weights[0, :40], torch.exp(-0.05 * torch.arange(40.0)).double() * (1 - math.exp(-0.05))
    )


def test_features_are_looked_up_only_above_the_threshold():
    seen = []

    def features(points):
        seen.append(points)
        return torch.ones_like(points[:, :1])

    rendering = render(Formula(haze(8.0), features), ray((-4, 0, 0), (1, 0, 0)), weight_threshold=0.01)
    above = rendering.weights > 0.01
    assert 0 < above.sum() < rendering.weights.shape[1]
    assert len(seen[0]) == above.sum()
    assert rendering.image.item() == pytest.approx(rendering.weights[above].sum().item())


def test_chunks_make_no_difference():
    field, rays = random_field(), view(size=13)
    whole, chunked = render(field, rays), render_chunked(field, rays, chunk=1000)
    for name in ("image", "opacity", "depth"):
        torch.testing.assert_close(getattr(chunked, name), getattr(whole, name))
    assert chunked.weights.numel() == 0
    assert not chunked.image.requires_grad


def test_subpixels_are_averaged_over_their_pixel():
    field = random_field()
    rays = view(size=12)
    fine, coarse = render(field, rays), render_chunked(field, rays, subpixels=3)
    assert coarse.image.shape == (4, 4, 4)
    torch.testing.assert_close(coarse.image[:, 1, 2], fine.image[:, 3:6, 6:9].mean(dim=(1, 2)))
    torch.testing.assert_close(coarse.opacity[1, 2], fine.opacity[3:6, 6:9].mean())
    torch.testing.assert_close(coarse.depth[1, 2], fine.depth[3:6, 6:9].mean())


def test_subpixels_must_divide_the_image():
    with pytest.raises(SjcError, match="12 x 12 rays") as caught:
        render_chunked(random_field(), view(size=12), subpixels=5)
    assert caught.value.code == "invalid_image_size"


def test_an_orthographic_camera_sees_parallel_chords():
    camera = Camera("c", IDENTITY, (-1.5, 1.5, -1.5, 1.5), "orthographic")
    camera = dataclasses.replace(camera, pose=orbit_camera(0, 0, 5, 60).pose)
    box = Formula(haze(0.8), half_extents=(1.0, 0.5, 0.25))
    opacity = render(box, camera_rays(camera, 12, 12, dtype=torch.float64)).opacity
    inside = torch.full((2, 8), 1 - math.exp(-0.8), dtype=torch.float64)
    torch.testing.assert_close(opacity[5:7, 2:10], inside)
    assert opacity.sum() == pytest.approx(inside.sum().item())
