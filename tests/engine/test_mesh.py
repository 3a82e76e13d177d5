"""The mesh of a job: as its spec asks for it, and never nothing for a threshold's sake."""

from sjc_blender.engine.results.mesh import extract_mesh
from sjc_blender.protocol.spec import OrbitRig, OutputSpec
from tests.engine.analytic_objects import coloured_ball


def test_the_threshold_is_the_specs() -> None:
    told = []
    low = extract_mesh(coloured_ball(), OutputSpec(mesh_threshold=0.2), OrbitRig(), told.append)
    high = extract_mesh(coloured_ball(), OutputSpec(mesh_threshold=0.8), OrbitRig(), told.append)
    assert abs(low.vertices).max() > abs(high.vertices).max()
    assert (low.threshold, high.threshold) == (0.2, 0.8)
    assert told == []


def test_a_threshold_out_of_reach_gives_way_with_a_warning() -> None:
    told = []
    mesh = extract_mesh(coloured_ball(), OutputSpec(mesh_threshold=1 - 1e-9), OrbitRig(), told.append)
    assert mesh.watertight
    assert "automatic" in told[0].message
