"""Marching cubes: the right surface, in the right place, closed, facing outwards, coloured."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import trimesh

from sjc_blender.engine.results.mesh import Mesh, extract_mesh
from sjc_blender.protocol.errors import SjcError

RADIUS = 0.6


def _grid(density: np.ndarray, rgb: np.ndarray | None = None) -> SimpleNamespace:
    """What `extract_mesh` reads of a RadianceGrid, the longest half side 1."""
    voxel_size = 2.0 / max(density.shape)
    colours = np.zeros((*density.shape, 3)) if rgb is None else rgb
    return SimpleNamespace(
        density_grid=torch.as_tensor(density, dtype=torch.float32),
        rgb_grid=torch.as_tensor(colours, dtype=torch.float32),
        voxel_size=voxel_size,
    )


def _centres(shape: tuple[int, int, int]) -> list[np.ndarray]:
    """Coordinates of the voxel centres by the convention of docs/architecture.md."""
    voxel = 2.0 / max(shape)
    axes = [-n * voxel / 2 + (np.arange(n) + 0.5) * voxel for n in shape]
    return np.meshgrid(*axes, indexing="ij")


def _density(opacity: np.ndarray, voxel_size: float) -> np.ndarray:
    return -np.log1p(-np.minimum(opacity, 0.999)) / voxel_size


def _sphere(n: int = 40) -> np.ndarray:
    """Density of a ball whose opacity rises from 0 to 1 within the voxel at its surface."""
    x, y, z = _centres((n, n, n))
    depth = (RADIUS - np.sqrt(x**2 + y**2 + z**2)) * n / 2
    return _density(np.clip(depth + 0.5, 0.0, 1.0), 2 / n)


def _as_trimesh(mesh: Mesh) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)


def test_a_ball_comes_back_within_half_a_voxel_with_its_area_and_volume() -> None:
    mesh = extract_mesh(_grid(_sphere()))
    distance = np.linalg.norm(mesh.vertices, axis=1)
    assert np.abs(distance - RADIUS).max() < 0.5 * 2 / 40
    oracle = _as_trimesh(mesh)
    assert oracle.area == pytest.approx(4 * math.pi * RADIUS**2, rel=0.02)
    assert oracle.volume == pytest.approx(4 / 3 * math.pi * RADIUS**3, rel=0.02)
    assert oracle.is_watertight and oracle.is_winding_consistent
    assert mesh.watertight
    assert mesh.components == 1


def test_a_hard_edged_ball_comes_back_within_half_a_voxel() -> None:
    x, y, z = _centres((40, 40, 40))
    mesh = extract_mesh(_grid(np.where(x**2 + y**2 + z**2 < RADIUS**2, 500.0, 0.0)))
    distance = np.linalg.norm(mesh.vertices, axis=1)
    assert distance.mean() == pytest.approx(RADIUS, abs=0.1 * 2 / 40)
    assert np.abs(distance - RADIUS).max() < 0.75 * 2 / 40  # half a voxel and the staircase's corners


def test_normals_point_outwards_and_agree_with_the_faces() -> None:
    mesh = extract_mesh(_grid(_sphere()))
    outwards = mesh.vertices / np.linalg.norm(mesh.vertices, axis=1, keepdims=True)
    assert np.einsum("ij,ij->i", mesh.normals, outwards).min() > 0.95
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1.0, atol=1e-5)
    oracle = _as_trimesh(mesh)
    facing = np.einsum("ij,ij->i", oracle.face_normals, mesh.normals[mesh.faces[:, 0]])
    assert facing[oracle.area_faces > 1e-6].min() > 0.5


def test_an_off_centre_box_keeps_its_place_in_a_grid_of_unequal_sides() -> None:
    density = np.zeros((20, 12, 30), dtype=np.float32)
    density[3:8, 6:10, 20:28] = 1000.0
    mesh = extract_mesh(_grid(density))
    voxel = 2.0 / 30
    half = np.array([20, 12, 30]) * voxel / 2
    # The faces lie between the last full and the first empty voxel centre.
    np.testing.assert_allclose(mesh.vertices.min(axis=0), -half + np.array([3, 6, 20]) * voxel, atol=0.01 * voxel)
    np.testing.assert_allclose(mesh.vertices.max(axis=0), -half + np.array([8, 10, 28]) * voxel, atol=0.01 * voxel)


def test_matter_that_reaches_the_box_is_closed_there() -> None:
    mesh = extract_mesh(_grid(np.full((6, 8, 10), 50.0)))
    assert _as_trimesh(mesh).is_watertight
    assert _as_trimesh(mesh).volume > 0
    np.testing.assert_allclose(mesh.vertices.max(axis=0), [0.6, 0.8, 1.0], atol=0.01)


def test_the_automatic_threshold_finds_a_fuzzy_ball_in_haze() -> None:
    x, y, z = _centres((40, 40, 40))
    distance = np.sqrt(x**2 + y**2 + z**2)
    haze = np.random.default_rng(1).uniform(0.0, 0.02, distance.shape)
    # Half of the peak opacity at the radius; a fixed threshold of 0.5 would find nothing.
    opacity = 0.3 / (1.0 + np.exp((distance - RADIUS) / 0.06)) + haze
    mesh = extract_mesh(_grid(_density(opacity, 2 / 40)))
    assert mesh.threshold < 0.3
    assert np.linalg.norm(mesh.vertices, axis=1).mean() == pytest.approx(RADIUS, abs=0.05)
    assert mesh.components == 1


@pytest.mark.parametrize("peak", [0.01, 0.2, 0.9])
def test_no_field_with_matter_gives_an_empty_mesh(peak: float) -> None:
    density = np.zeros((16, 16, 16), dtype=np.float32)
    density[5, 6, 7] = peak
    mesh = extract_mesh(_grid(density))
    assert len(mesh.faces) > 0
    assert _as_trimesh(mesh).is_watertight


@pytest.mark.parametrize("binary", [True, False])
def test_even_a_tangle_is_closed(binary: bool) -> None:
    noise = np.random.default_rng(3).uniform(0.0, 30.0, (14, 12, 10))
    mesh = extract_mesh(_grid(np.where(noise > 20.0, 30.0, 0.0) if binary else noise))
    assert _as_trimesh(mesh).is_watertight
    assert np.isfinite(mesh.normals).all()


def test_floaters_are_left_out_and_parts_of_the_object_are_not() -> None:
    density = _sphere()
    density[2, 2, 2] = 500.0
    assert extract_mesh(_grid(density)).components == 1
    density[33:39, 33:39, 33:39] = 500.0
    assert extract_mesh(_grid(density)).components == 2


def test_a_crumb_that_touches_by_a_corner_is_a_floater() -> None:
    density = np.zeros((24, 24, 24), dtype=np.float32)
    density[6:16, 6:16, 6:16] = 300.0
    density[16, 16, 16] = 300.0
    mesh = extract_mesh(_grid(density))
    assert mesh.components == 1
    assert mesh.watertight
    assert mesh.vertices.max() < (16 - 12) * 2 / 24 + 0.01


def test_a_cavity_no_camera_can_see_is_filled() -> None:
    density = _sphere()
    density[18:22, 18:22, 18:22] = 0.0
    solid = extract_mesh(_grid(_sphere()))
    hollow = extract_mesh(_grid(density), solid.threshold)
    assert len(hollow.faces) == len(solid.faces)


def test_a_threshold_of_the_user_moves_the_surface() -> None:
    density = _density(0.9 * np.exp(-(np.stack(_centres((32, 32, 32))) ** 2).sum(axis=0) / 0.1), 2 / 32)
    for threshold in (0.6, 0.2):
        mesh = extract_mesh(_grid(density), threshold)
        # 0.9 exp(-r^2 / 0.1) = t at r = sqrt(0.1 ln(0.9 / t))
        radius = math.sqrt(0.1 * math.log(0.9 / threshold))
        np.testing.assert_allclose(np.linalg.norm(mesh.vertices, axis=1), radius, atol=0.25 * 2 / 32)


def test_an_empty_field_and_a_threshold_out_of_reach_are_told() -> None:
    with pytest.raises(SjcError) as told:
        extract_mesh(_grid(np.zeros((8, 8, 8))))
    assert told.value.code == "empty_field"
    assert "seed" in told.value.hint
    with pytest.raises(SjcError) as told:
        extract_mesh(_grid(np.full((8, 8, 8), 0.1)), 0.9)
    assert told.value.code == "empty_field"
    assert "0.9" in told.value.message and "automatic" in told.value.hint


def test_colours_are_those_of_the_matter_not_of_the_emptiness_beside_it() -> None:
    density = _sphere()
    x, _, _ = _centres(density.shape)
    left, right = np.array([0.8, 0.1, 0.2]), np.array([0.1, 0.3, 0.9])
    rgb = np.where(x[..., None] < 0, left, right)
    rgb[density == 0] = 1.0  # what empty voxels hold must not show
    mesh = extract_mesh(_grid(density, rgb))
    clear = np.abs(mesh.vertices[:, 0]) > 2 / 40
    expected = np.where(mesh.vertices[clear, :1] < 0, left, right)
    np.testing.assert_allclose(mesh.colours[clear], expected, atol=1e-4)
