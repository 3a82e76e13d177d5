"""Views of a result: its colours, how far it is, which way it faces."""

import math

import pytest
import torch

from sjc_blender.engine.cameras.viewpoints import orbit_camera
from sjc_blender.engine.image_files.srgb import GREY, over_grey, to_linear
from sjc_blender.engine.pictures.result_pictures import ModelPictures, ResultPictures
from sjc_blender.engine.radiance.field import VoxelField
from sjc_blender.engine.radiance.marching import intersect_box
from sjc_blender.engine.radiance.radiance_grid import RadianceGrid
from sjc_blender.engine.radiance.rays import camera_rays
from sjc_blender.engine.radiance.renderer import render_chunked
from sjc_blender.engine.results.depth_picture import depth_picture
from sjc_blender.engine.results.normals import surface_normals
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.spec import Camera
from tests.engine.analytic_objects import LinearModel, ball, half_extents

CUBE, BOX = (32, 32, 32), (20, 32, 26)
COLOUR = torch.tensor([0.9, 0.4, 0.2])


def ball_of(shape, radius=0.5):
    colours = to_linear(COLOUR).expand(*shape, 3).contiguous()
    return RadianceGrid(ball(shape, radius), colours, half_extents(shape), torch.zeros(3))


def points_of_a_sphere(camera, size, radius):
    """Where the rays through the pixel centres first meet a sphere at the origin [H, W, 3], and how far [H, W]."""
    rays = camera_rays(camera, size, size)
    along = -(rays.origins * rays.directions).sum(dim=1)
    missed = rays.origins.square().sum(dim=1) - along.square()
    distance = along - (radius**2 - missed).clamp(min=0).sqrt()
    distance[missed > (0.9 * radius) ** 2] = torch.inf  # near its rim a ball of voxels is no sphere
    points = rays.origins + rays.directions * distance[:, None]
    return points.view(size, size, 3), distance.view(size, size)


@pytest.mark.parametrize("shape", [CUBE, BOX], ids=["cube", "box"])
@pytest.mark.parametrize(("azimuth", "elevation"), [(0.0, 0.0), (90.0, 10.0), (200.0, 60.0)])
def test_a_ball_has_the_depth_and_the_normals_of_its_sphere(shape, azimuth, elevation):
    camera = orbit_camera(azimuth, elevation, 3.0, 30.0)
    view = ResultPictures(ball_of(shape)).view(camera, 64)
    points, distance = points_of_a_sphere(camera, 64, 0.5)
    hit = distance.isfinite()
    assert hit.sum() > 300
    assert (view.depth[hit] - distance[hit]).abs().max() < 2 * 2 / 32
    assert (view.depth[hit] - distance[hit]).abs().mean() < 2 / 32
    normals = view.normal.movedim(0, -1)
    torch.testing.assert_close(normals[hit].norm(dim=1), torch.ones(int(hit.sum())))
    angles = torch.rad2deg(torch.acos((normals[hit] * points[hit] / 0.5).sum(dim=1).clamp(-1, 1)))
    assert angles.mean() < 7 and angles.max() < 20


def test_a_view_has_the_grids_colours_with_straight_alpha_and_nothing_beside_it():
    view = ResultPictures(ball_of(CUBE)).view(orbit_camera(30.0, 20.0, 3.0, 40.0), 48)
    rgb, alpha = view.rgba[:3], view.rgba[3]
    assert ((alpha > 0.05) & (alpha < 0.95)).any(), "the rim is soft"
    shown = alpha > 0.05
    torch.testing.assert_close(rgb[:, shown], COLOUR[:, None].expand(3, int(shown.sum())), atol=0.02, rtol=0)
    assert alpha[0, 0] == 0 and not rgb[:, 0, 0].any()
    assert view.depth[0, 0] == torch.inf and not view.normal[:, 0, 0].any()


def test_pixels_of_the_size_of_voxels_are_antialiased():
    """Many small pixels, averaged, are one large pixel."""
    camera = orbit_camera(30.0, 20.0, 3.0, 40.0)
    grid = ball_of(CUBE)
    small, large = (ResultPictures(grid).view(camera, size).rgba[3] for size in (24, 192))
    averaged = torch.nn.functional.avg_pool2d(large[None], 8)[0]
    assert (small - averaged).abs().max() < 0.15
    one_ray = render_chunked(grid, camera_rays(camera, 24, 24)).opacity
    assert (small - averaged).square().mean() < (one_ray - averaged).square().mean() / 2


def test_one_pixel():
    view = ResultPictures(ball_of(CUBE)).view(orbit_camera(0.0, 0.0, 3.0, 5.0), 1)
    assert view.rgba.shape == (4, 1, 1)
    assert view.rgba[3].item() > 0.99
    assert view.normal.flatten().tolist() == pytest.approx([0.0, -1.0, 0.0], abs=0.05)


def test_normals_do_not_look_at_how_dense_the_inside_is():
    shape = (8, 10, 12)
    density = torch.zeros(shape)
    density[2:6, 2:8, 2:10] = 300.0
    density[3:5, 4:6, 4:8] = 3000.0
    normals = surface_normals(density, 2 / 12)
    assert not normals[3:5, 3:7, 3:9].any()
    assert normals[5, 5, 5].tolist() == pytest.approx([12 / 4, 0, 0])
    assert normals[4, 2, 5].tolist() == pytest.approx([0, -12 / 4, 0])
    assert normals[4, 5, 9].tolist() == pytest.approx([0, 0, 12 / 4])


def test_matter_that_fills_its_box_faces_out_of_it():
    normals = surface_normals(torch.full((4, 4, 4), 50.0), 0.5)
    assert normals[3, 1, 1, 0] > 0 and normals[0, 1, 1, 0] < 0 and normals[1, 1, 3, 2] > 0


def test_over_grey_is_composited_in_linear_light():
    rgba = torch.tensor([1.0, 0.0, GREY, 0.5]).view(4, 1, 1)
    linear = to_linear(over_grey(rgba)).flatten()
    grey = float(to_linear(torch.tensor(GREY)))
    assert linear.tolist() == pytest.approx([(1 + grey) / 2, grey / 2, grey], abs=1e-5)


def test_depth_pictures_are_white_near_and_black_where_nothing_is():
    camera = orbit_camera(40.0, 10.0, 3.0, 30.0)
    depth = torch.tensor([[2.0, 3.0, 4.0, torch.inf]])
    assert depth_picture(depth, camera, 1.0).tolist() == [[1.0, 0.5, 0.0, 0.0]]
    assert depth_picture(torch.tensor([[0.0]]), orbit_camera(0.0, 0.0, 0.5, 30.0), 1.0).tolist() == [[1.0]]
    pose = ((1.0, 0.0, 0.0, 7.0), (0.0, 0.0, -1.0, -3.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))
    parallel = Camera("parallel", pose, (-1.0, 1.0, -1.0, 1.0), "orthographic")
    assert depth_picture(depth, parallel, 1.0).tolist() == [[1.0, 0.5, 0.0, 0.0]], "its place beside does not count"


def test_the_model_decodes_its_own_field():
    """A box of one colour, seen through a decoder that is an affine map."""
    model = LinearModel(8, scale=4)
    inside, around = (model.latents(torch.tensor(srgb)) for srgb in ([0.7, 0.4, 0.3], [0.4, 0.5, 0.6]))
    field = VoxelField((1.0, 1.0, 1.0), 8, 4, background=around.tolist())
    with torch.no_grad():
        field.density_grid.fill_(100.0)
        field.feature_grid.copy_(inside.view(4, 1, 1, 1).expand_as(field.feature_grid))
    camera = orbit_camera(0.0, 0.0, 3.0, 60.0)
    picture = ModelPictures(field, model).picture(camera, 64)
    assert picture.shape == (3, 64, 64)
    assert picture[:, 32, 32].tolist() == pytest.approx([0.7, 0.4, 0.3], abs=1e-3)
    assert picture[:, 0, 0].tolist() == pytest.approx([0.4, 0.5, 0.6], abs=1e-3)
    # The front face spans atan(1 / 2) of atan(tan(30 degrees)); a pixel of the rim is a blend of rays.
    _, length = intersect_box(camera_rays(camera, 512, 512), field.half_extents)
    share = (length > 0).view(16, 32, 16, 32).float().mean(dim=(1, 3))  # of each sample of 4 pixels
    expected = torch.lerp(torch.tensor(0.4), torch.tensor(0.7), share)
    found = picture[0].view(16, 4, 16, 4)
    assert torch.equal(found.amax(dim=(1, 3)), found.amin(dim=(1, 3)))
    assert (found[:, 0, :, 0] - expected).abs().max() < 0.3 / 2
    assert (found[:, 0, :, 0] - expected).abs().mean() < 0.01
    assert math.isclose(float((found[:, 0, :, 0] - 0.4).sum() / 0.3), float(share.sum()), rel_tol=0.03)


def test_a_size_that_the_decoder_cannot_make_is_named():
    pictures = ModelPictures(VoxelField((1.0, 1.0, 1.0), 8, 4), LinearModel(8, scale=4))
    with pytest.raises(SjcError, match="multiple of 4") as caught:
        pictures.picture(orbit_camera(0.0, 0.0, 3.0, 60.0), 62)
    assert caught.value.code == "invalid_image_size"
