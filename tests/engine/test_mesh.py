"""The mesh of a job: as its spec asks for it, and never nothing for a threshold's sake."""

import torch

from sjc_blender.engine.radiance.radiance_grid import RadianceGrid
from sjc_blender.engine.results.mesh import extract_mesh
from sjc_blender.protocol.spec import FieldSpec, JobSpec, OutputSpec, ProxySpec
from sjc_blender.surface.solidity import LARGEST_DEPTH
from tests.engine.analytic_objects import coloured_ball, half_extents, voxel_centres


def cut_at(threshold: float) -> JobSpec:
    return JobSpec(prompt="a ball", outputs=OutputSpec(mesh_threshold=threshold))


def test_the_threshold_is_the_specs() -> None:
    told = []
    low = extract_mesh(coloured_ball(), cut_at(0.2), told.append)
    high = extract_mesh(coloured_ball(), cut_at(0.8), told.append)
    assert abs(low.vertices).max() > abs(high.vertices).max()
    assert (low.threshold, high.threshold) == (0.2, 0.8)
    assert told == []


def test_a_threshold_out_of_reach_gives_way_with_a_warning() -> None:
    told = []
    mesh = extract_mesh(coloured_ball(), cut_at(1 - 1e-9), told.append)
    assert mesh.watertight
    assert "automatic" in told[0].message


def test_the_mesh_of_a_close_proxy_has_its_sides() -> None:
    """A bungalow, wide and flat: cut by looks from the sides and above alone, its underside hung down by a voxel."""
    resolution = 40
    voxel, half = 2 / resolution, torch.tensor([0.8, 0.5, 0.2])
    inside = (voxel_centres((resolution,) * 3).abs() < half).all(dim=-1)
    density = inside * LARGEST_DEPTH / voxel
    grid = RadianceGrid(density, torch.ones(*inside.shape, 3), half_extents(inside.shape), torch.zeros(3))

    def beyond(field: FieldSpec) -> list[float]:
        """How far each side lies outside the shape's, in voxels."""
        made = extract_mesh(grid, JobSpec(prompt="a house", field=field), lambda event: None).vertices
        return [*((-half.numpy() - made.min(axis=0)) / voxel), *((made.max(axis=0) - half.numpy()) / voxel)]

    assert max(map(abs, beyond(FieldSpec(proxy=ProxySpec("0" * 64))))) < 0.1
    assert max(beyond(FieldSpec())) > 0.8
