"""The quality benchmark's measures of shape against closed forms."""

import math

import numpy as np
import pytest
import torch

from benchmarks.quality import shape
from benchmarks.quality.cavity import cavity
from benchmarks.quality.looks import Lens, fog, look_at
from benchmarks.quality.mesh_validity import validity
from sjc_blender.engine.radiance.radiance_grid import RadianceGrid
from sjc_blender.surface.surface import SurfaceCutter

SIDE = 64


def radii(side: int = SIDE, centre: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    axis = (np.arange(side) + 0.5) / side * 2 - 1
    return np.linalg.norm(np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1) - centre, axis=-1)


def grid_of(density: np.ndarray) -> RadianceGrid:
    values = torch.from_numpy(density.astype(np.float32))
    return RadianceGrid(values, torch.full((*values.shape, 3), 0.5), torch.ones(3), torch.zeros(3))


def test_iou_of_balls_within_each_other_is_the_cube_of_their_radii():
    small, large = radii() < 0.5, radii() < 0.7
    assert shape.intersection_over_union(small, large) == pytest.approx((0.5 / 0.7) ** 3, abs=0.01)
    assert shape.intersection_over_union(large, large) == 1
    assert shape.intersection_over_union(small, radii() > 0.7) == 0


def test_chamfer_of_balls_within_each_other_is_the_difference_of_their_radii_in_voxels():
    for inner in (0.4, 0.5, 0.6):
        expected = (0.7 - inner) / (2 / SIDE)
        assert shape.chamfer(radii() < inner, radii() < 0.7) == pytest.approx(expected, abs=0.35)
    assert shape.chamfer(radii() < 0.7, radii() < 0.7) == 0
    assert math.isnan(shape.chamfer(radii() < 0.7, radii() < 0))


def test_a_ball_with_a_hollow_is_as_hollow_as_its_share_of_the_deep():
    ball, voxel = radii() < 0.7, 2 / SIDE
    assert shape.hollowness(ball, ball) == 0
    hollow = ball & (radii() > 0.4)
    assert shape.hollowness(hollow, ball) == pytest.approx((0.4 / (0.7 - shape.DEEP * voxel)) ** 3, rel=0.12)
    thinner = radii() < 0.7 - 1.5 * voxel
    assert shape.hollowness(thinner, ball) < 0.01, "a surface that is a voxel further in is no hollow"


def test_the_smaller_of_two_blobs_floats():
    density = 200.0 * ((radii(centre=(-0.4, 0, 0)) < 0.4) | (radii(centre=(0.6, 0, 0)) < 0.2))
    assert shape.floaters(density.astype(np.float32), 2 / SIDE) == pytest.approx(0.2**3 / (0.2**3 + 0.4**3), rel=0.05)
    assert shape.floaters((200.0 * (radii() < 0.4)).astype(np.float32), 2 / SIDE) == 0
    assert shape.floaters(np.zeros((4, 4, 4), np.float32), 0.5) == 0


@pytest.mark.parametrize(
    ("lid", "filled", "expected"), [(0, 0, (1, 1)), (1, 0, (15 / 16, 0)), (0, 8, (0.5, 1)), (0, 16, (0, 0))]
)
def test_a_cup_is_as_open_as_its_lid_and_its_filling_leave_it(lid, filled, expected):
    def box(x, y, z):
        solid = np.zeros((48, 48, 48), bool)
        solid[x, y, z] = True
        return solid

    inside = box(slice(16, 32), slice(16, 32), slice(16, 32))
    truth = box(slice(12, 36), slice(12, 36), slice(12, 32)) & ~inside
    made = truth.copy()
    made[16:32, 16:32, 32 - lid : 32] = True
    made[16:32, 16:32, 16 : 16 + filled] = True
    found = cavity(made, truth)
    assert (found.volume, found.mouth) == pytest.approx(expected)
    above_the_brim = made | box(slice(16, 24), slice(16, 32), slice(32, 33))
    assert cavity(above_the_brim, truth).mouth == pytest.approx(expected[1] / 2)


def test_fog_of_a_ball_is_that_of_its_chords():
    # A ray that passes the centre of a ball of the radius r and the density k at b loses 1 - exp(-2 k sqrt(r^2 - b^2));
    # from the distance d, the pixels within b are b^2 / (d^2 - b^2) of a disc at unit distance.
    r, k, d = 0.6, 3.0, Lens.usual().distance
    seen, stopped = (r * r - (-math.log(1 - opacity) / (2 * k)) ** 2 for opacity in (0.1, 0.9))
    found = fog(look_at(grid_of(k * (radii() < r))))
    assert found == pytest.approx(1 - (stopped / (d * d - stopped)) / (seen / (d * d - seen)), abs=0.03)


def test_a_half_transparent_ball_is_all_fog_and_a_dense_one_has_a_thin_rim():
    assert fog(look_at(grid_of(1.2 * (radii() < 0.6)))) == 1
    assert fog(look_at(grid_of(300.0 * (radii() < 0.6)))) < 0.12
    assert fog(look_at(grid_of(0.0 * radii()))) == 0


@pytest.fixture(scope="module")
def ball_mesh() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    cut = SurfaceCutter(
        (100.0 * (radii(24) < 0.6)).astype(np.float32), np.ones((24, 24, 24, 3), np.float32), 2 / 24, 1.0
    ).cut()
    return cut.vertices, cut.faces, cut.normals


def test_a_closed_mesh_that_faces_outwards_is_valid(ball_mesh):
    assert validity(*ball_mesh) == {"mesh_valid": 1, "mesh_parts": 1}


def test_a_mesh_with_a_hole_or_inside_out_or_with_normals_that_point_inwards_is_not(ball_mesh):
    vertices, quads, normals = ball_mesh
    assert validity(vertices, quads[1:], normals)["mesh_valid"] == 0
    assert validity(vertices, quads[:, ::-1], -normals)["mesh_valid"] == 0
    assert validity(vertices, quads, -normals)["mesh_valid"] == 0


def test_the_parts_of_a_mesh_are_counted(ball_mesh):
    vertices, quads, normals = ball_mesh
    twice = np.concatenate([vertices, vertices + 3]), np.concatenate([quads, quads + len(vertices)])
    assert validity(*twice, np.concatenate([normals, normals])) == {"mesh_valid": 1, "mesh_parts": 2}


def test_a_shape_of_another_size_is_told_from_another_shape() -> None:
    grid = grid_of(np.zeros((32, 32, 32)))
    larger = shape.true_solid("duck", grid, 1.15)
    assert shape.intersection_over_union(larger, shape.true_solid("duck", grid)) < 0.75
    assert shape.best_size(larger, "duck", grid) == (pytest.approx(1.15), pytest.approx(1.0))
    assert shape.best_size(larger, "chair", grid)[1] < 0.6
