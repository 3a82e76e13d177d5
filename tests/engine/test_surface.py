"""A field's surface: in the right place, closed whatever the field, facing outwards, coloured."""

import math

import numpy as np
import pytest
import trimesh
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage import measure

from sjc_blender.protocol.errors import SjcError
from sjc_blender.surface.dual_cubes import cut
from sjc_blender.surface.folds import folded, smoothed_at
from sjc_blender.surface.quad_mesh import solid_parts
from sjc_blender.surface.solidity import solidity
from sjc_blender.surface.surface import Surface, SurfaceCutter

RADIUS = 0.6
VOXEL = 2 / 40


def _centres(shape: tuple[int, int, int]) -> np.ndarray:
    """Coordinates [3, nx, ny, nz] of the voxel centres by the convention of docs/architecture.md."""
    voxel = 2.0 / max(shape)
    axes = [-n * voxel / 2 + (np.arange(n) + 0.5) * voxel for n in shape]
    return np.stack(np.meshgrid(*axes, indexing="ij"))


def _cutter(density: np.ndarray, rgb: np.ndarray | None = None, smoothing: float = 1.0) -> SurfaceCutter:
    colours = np.zeros((*density.shape, 3)) if rgb is None else rgb
    return SurfaceCutter(density.astype(np.float32), colours.astype(np.float32), 2.0 / max(density.shape), smoothing)


def _ball(n: int = 40, density: float = 500.0) -> np.ndarray:
    return np.where(np.linalg.norm(_centres((n, n, n)), axis=0) < RADIUS, density, 0.0)


def _as_trimesh(mesh: Surface) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.vertices, mesh.triangles, process=False)


def test_solidity_of_a_single_voxel_is_that_of_its_half_depths() -> None:
    depth = 0.3
    # Six faces, twelve edges and eight corners to leave it by, at distances of 1, sqrt 2 and sqrt 3 half voxels.
    passing = sum(count * math.exp(-8 * depth * math.sqrt(steps) / 2) for count, steps in ((6, 1), (12, 2), (8, 3)))
    found = solidity(np.full((1, 1, 1), depth / 0.1, np.float32), 0.1, smoothing=0.0)
    assert found.item() == pytest.approx(1 - (passing / 26) ** 0.125, rel=1e-5)


def test_solidity_counts_what_lies_in_the_way_in_every_direction() -> None:
    """Against a plain sum along each of the 26 directions, in a box of unequal sides."""
    density = np.random.default_rng(0).uniform(0, 5, (4, 6, 5)).astype(np.float32)
    expected = np.zeros(density.shape)
    steps = [d for d in np.ndindex(3, 3, 3) if d != (1, 1, 1)]
    for start in np.ndindex(density.shape):
        for step in np.array(steps) - 1:
            at, depth = np.array(start), density[start] / 2
            while True:
                at = at + step
                if (at < 0).any() or (at >= density.shape).any():
                    break
                depth += density[tuple(at)]
            expected[start] += math.exp(-8 * 0.1 * np.linalg.norm(step) * depth) / 26
    np.testing.assert_allclose(solidity(density, 0.1, smoothing=0.0), 1 - expected**0.125, atol=1e-5)


@pytest.mark.parametrize("density", [40.0, 500.0])
def test_a_ball_comes_back_in_its_place_and_size(density: float) -> None:
    mesh = _cutter(_ball(density=density)).cut()
    distance = np.linalg.norm(mesh.vertices, axis=1)
    assert np.abs(distance - RADIUS).max() < 0.5 * VOXEL
    oracle = _as_trimesh(mesh)
    assert oracle.volume == pytest.approx(4 / 3 * math.pi * RADIUS**3, rel=0.05)
    assert oracle.area == pytest.approx(4 * math.pi * RADIUS**2, rel=0.05)
    assert mesh.watertight and oracle.is_watertight and oracle.is_winding_consistent
    assert mesh.components == 1


def test_a_noisy_shell_becomes_a_smooth_solid() -> None:
    """What an optimised field is like: nothing inside, half of the shell's voxels missing."""
    distance = np.linalg.norm(_centres((40, 40, 40)), axis=0)
    shell = (distance < RADIUS) & (distance > RADIUS - 5 * VOXEL)
    there = np.random.default_rng(5).uniform(size=shell.shape) < 0.5
    mesh = _cutter(np.where(shell & there, 60.0, 0.0)).cut()
    assert mesh.components == 1
    assert _as_trimesh(mesh).volume == pytest.approx(4 / 3 * math.pi * RADIUS**3, rel=0.15)
    outwards = mesh.vertices / np.linalg.norm(mesh.vertices, axis=1, keepdims=True)
    assert np.einsum("ij,ij->i", mesh.normals, outwards).mean() > 0.96


def test_a_bowl_stays_open() -> None:
    x, y, z = _centres((40, 40, 40))
    distance = np.sqrt(x**2 + y**2 + z**2)
    bowl = (distance < RADIUS) & (distance > RADIUS - 4 * VOXEL) & (z < 0)
    mesh = _cutter(np.where(bowl, 100.0, 0.0)).cut()
    bottom = mesh.vertices[np.linalg.norm(mesh.vertices[:, :2], axis=1) < 2 * VOXEL, 2]
    # Inside and outside of the bowl's bottom, and no lid.
    assert bottom.max() == pytest.approx(-RADIUS + 4 * VOXEL, abs=2 * VOXEL)
    assert bottom.min() == pytest.approx(-RADIUS, abs=VOXEL)


def test_normals_are_unit_and_point_outwards() -> None:
    mesh = _cutter(_ball()).cut()
    outwards = mesh.vertices / np.linalg.norm(mesh.vertices, axis=1, keepdims=True)
    assert np.einsum("ij,ij->i", mesh.normals, outwards).min() > 0.95
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1.0, atol=1e-5)


def test_an_off_centre_box_keeps_its_place_in_a_grid_of_unequal_sides() -> None:
    density = np.zeros((20, 12, 30))
    density[3:8, 4:10, 18:28] = 1000.0
    mesh = _cutter(density).cut()
    voxel = 2.0 / 30
    half = np.array([20, 12, 30]) * voxel / 2
    np.testing.assert_allclose(mesh.vertices.min(axis=0), -half + np.array([3, 4, 18]) * voxel, atol=0.3 * voxel)
    np.testing.assert_allclose(mesh.vertices.max(axis=0), -half + np.array([8, 10, 28]) * voxel, atol=0.3 * voxel)


def test_matter_that_reaches_the_border_is_closed_there() -> None:
    mesh = _cutter(np.full((6, 8, 10), 50.0)).cut()
    assert _as_trimesh(mesh).is_watertight
    np.testing.assert_allclose(mesh.vertices.max(axis=0), [0.6, 0.8, 1.0], atol=0.3 * 0.2)


@pytest.mark.parametrize("peak", [1e-4, 0.2, 0.9, 1e4])
def test_no_field_with_matter_gives_an_empty_mesh(peak: float) -> None:
    density = np.zeros((16, 16, 16))
    density[5, 6, 0] = peak
    mesh = _cutter(density).cut()
    assert len(mesh.faces) > 0
    assert _as_trimesh(mesh).is_watertight


@pytest.mark.parametrize("seed", range(12))
def test_even_a_tangle_is_closed(seed: int) -> None:
    draws = np.random.default_rng(seed)
    noise = draws.uniform(0.0, 1.0, (9, 8, 7)).astype(np.float32)
    vertices, quads = cut(np.pad(np.round(noise) if seed % 2 else noise, 1), draws.uniform(0.2, 0.8))
    mesh = Surface(vertices, quads, vertices, vertices, 0.5)
    assert mesh.watertight
    assert _as_trimesh(mesh).is_watertight and _as_trimesh(mesh).is_winding_consistent
    assert _as_trimesh(mesh).volume > 0


def test_floaters_are_left_out_and_parts_of_the_object_are_not() -> None:
    density = _ball()
    density[2, 2, 2] = 500.0
    assert _cutter(density, smoothing=0.0).cut().components == 1
    density[33:39, 33:39, 33:39] = 500.0
    assert _cutter(density, smoothing=0.0).cut().components == 2


def test_a_cavity_is_filled() -> None:
    hollow = _ball()
    hollow[14:26, 14:26, 14:26] = 0.0
    vertices, quads = cut(np.pad(hollow.astype(np.float32), 1), 250.0)
    assert Surface(vertices, quads, vertices, vertices, 0.5).components == 2
    vertices, quads = solid_parts(vertices, quads)
    assert Surface(vertices, quads, vertices, vertices, 0.5).components == 1
    assert np.linalg.norm(vertices - 20.5, axis=1).min() > 10


def test_a_higher_threshold_cuts_further_in() -> None:
    density = 30 * np.exp(-(_centres((32, 32, 32)) ** 2).sum(axis=0) / 0.1)
    cutter = _cutter(density)
    radii = [np.linalg.norm(cutter.cut(threshold).vertices, axis=1).mean() for threshold in (0.2, 0.5, 0.8)]
    assert radii[0] > radii[1] + 0.03 > radii[2] + 0.06


def test_the_automatic_threshold_gives_the_silhouette_of_the_volume() -> None:
    # A ray past a Gaussian cloud loses half of its light where its depth, 30 sqrt(0.1 pi) exp(-r^2 / 0.1), is ln 2.
    density = 30 * np.exp(-(_centres((48, 48, 48)) ** 2).sum(axis=0) / 0.1)
    radius = math.sqrt(0.1 * math.log(30 * math.sqrt(0.1 * math.pi) / math.log(2)))
    found = np.linalg.norm(_cutter(density).cut().vertices, axis=1).mean()
    assert found == pytest.approx(radius, abs=0.03)
    assert _cutter(_ball()).cut().threshold == pytest.approx(0.5, abs=0.02), "a hard edge has it in the middle"


def test_an_empty_field_and_a_threshold_out_of_reach_are_told() -> None:
    with pytest.raises(SjcError) as told:
        _cutter(np.zeros((8, 8, 8)))
    assert told.value.code == "empty_field"
    assert "seed" in told.value.hint
    with pytest.raises(SjcError) as told:
        _cutter(np.full((8, 8, 8), 0.1)).cut(0.9)
    assert told.value.code == "threshold_too_high"
    assert "0.9" in told.value.message and "automatic" in told.value.hint


def test_colours_are_those_of_the_matter_not_of_the_emptiness_beside_it() -> None:
    density = _ball()
    left, right = np.array([0.8, 0.1, 0.2]), np.array([0.1, 0.3, 0.9])
    rgb = np.where(_centres(density.shape)[0][..., None] < 0, left, right)
    rgb[density == 0] = 1.0  # what empty voxels hold must not show
    mesh = _cutter(density, rgb).cut()
    clear = np.abs(mesh.vertices[:, 0]) > 3 * VOXEL
    expected = np.where(mesh.vertices[clear, :1] < 0, left, right)
    np.testing.assert_allclose(mesh.colours[clear], expected, atol=0.02)


def test_a_colour_is_that_of_what_is_met_first() -> None:
    """A red coat of one voxel hides a green body."""
    density = _ball(density=200.0)
    deep = np.linalg.norm(_centres(density.shape), axis=0) < RADIUS - 2 * VOXEL
    rgb = np.where(deep[..., None], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0])
    mesh = _cutter(density, rgb).cut()
    assert mesh.colours[:, 0].min() > 0.9


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_cut_is_where_scikit_images_marching_cubes_puts_it(seed: int) -> None:
    """A second opinion: the same level set of a smooth random field, by a library with triangles of its own."""
    values = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(40, 32, 36)), 4.0)
    values = np.pad(values / np.abs(values).max(), 2).astype(np.float32)
    vertices, faces, _, _ = measure.marching_cubes(values, 0.3)
    theirs = trimesh.Trimesh(vertices, faces)
    points, quads = cut(values, 0.3)
    ours = trimesh.Trimesh(points, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]))
    # A vertex is the mean of its cell's crossings, a little inside of what is convex: a thirtieth of a voxel here.
    assert abs(ours.volume) == pytest.approx(abs(theirs.volume), rel=0.03)
    for one, other in ((ours, theirs), (theirs, ours)):
        distances = cKDTree(other.sample(60_000, seed=0)).query(one.vertices)[0]
        assert distances.mean() < 0.15 and distances.max() < 0.7  # in voxels; a tenth of one is the samples


@pytest.mark.parametrize("lowest_view", [-90.0, -5.0])
def test_a_wide_underside_is_where_it_is(lowest_view):
    density = np.zeros((64, 64, 24), np.float32)
    density[4:60, 4:60, 10:14] = 500.0  # a plate
    solid = solidity(density, 2 / 64, lowest_view=lowest_view) > 0.5
    below, above = solid[32, 32].nonzero()[0][[0, -1]]
    assert 9 <= below <= 10 and above == 13


def test_a_wall_with_a_slit_is_closed_from_the_sides():
    density = np.zeros((40, 40, 40), np.float32)
    density[8:32, 8:32, 8:32] = 500.0
    density[11:29, 11:29, 11:29] = 0.0  # a hollow box
    density[8:11, 18:22, 18:20] = 0.0  # with a hole in a wall
    assert solidity(density, 2 / 40, lowest_view=-5.0)[14:26, 14:26, 14:26].min() > 0.9


def test_what_is_open_only_where_no_camera_looks_is_inside():
    density = np.zeros((24, 24, 24), np.float32)
    density[4:20, 4:20, 4:20] = 80.0
    density[7:17, 7:17, 4:17] = 0.0  # a box without a bottom
    inside = np.s_[9:15, 9:15, 6:14]
    below = np.s_[9:15, 9:15, 1:3]
    assert solidity(density, 2 / 24)[inside].max() < 0.45, "cameras from everywhere see into it"
    from_the_sides = solidity(density, 2 / 24, lowest_view=-5.0)
    assert from_the_sides[inside].min() > 0.9
    assert from_the_sides[below].max() < 0.4, "what is under it is seen from the sides"
    turned = density[:, :, ::-1].copy()  # a box without a lid
    assert solidity(turned, 2 / 24, lowest_view=-5.0)[:, :, ::-1][inside].max() < 0.45


def test_where_a_quad_is_folded_is_found():
    surface = _cutter(_ball()).cut()
    assert not folded(surface.vertices, surface.faces).any()
    bent = surface.vertices.copy()
    quad = surface.faces[len(surface.faces) // 2]
    bent[quad[0]] = 2.5 * bent[quad[2]] - 1.5 * bent[quad[0]]  # beyond the opposite corner
    around = np.isin(surface.faces, quad).any(axis=1)
    wrong = folded(bent, surface.faces)
    assert wrong.any() and not wrong[~around].any()


def test_no_quad_of_a_mesh_is_folded_though_the_field_be_noise(monkeypatch):
    # Sheets and holes of a voxel, bent everywhere: cut once, some quads are folded.
    generator = np.random.default_rng(3)
    values = ndimage.gaussian_filter(generator.normal(size=(40, 40, 40)), 0.8)
    values[[0, -1]] = values[:, [0, -1]] = values[:, :, [0, -1]] = -1
    values = (0.5 + 0.4 * values / np.abs(values).max()).astype(np.float32)
    assert folded(*cut(values, 0.5)).sum() > 10
    cutter = _cutter(_ball())
    monkeypatch.setattr(cutter, "_solidity", values)
    surface = cutter.cut(0.5)
    assert not folded(surface.vertices, surface.faces).any()
    assert surface.watertight


def test_smoothing_around_a_point_leaves_what_is_farther_away():
    generator = np.random.default_rng(4)
    values = generator.random((12, 12, 12)).astype(np.float32)
    values[[0, -1]] = values[:, [0, -1]] = values[:, :, [0, -1]] = 0
    smooth = smoothed_at(values, np.array([[2.4, 5.0, 5.0]]))
    changed = smooth != values
    assert changed[2, 5, 5] and changed[4, 7, 7]
    assert not changed[5:].any() and not changed[0].any() and not changed[:, :3].any() and not changed[:, :, 8:].any()
