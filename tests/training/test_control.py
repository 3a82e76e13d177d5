"""The ControlNet of the built-in prior: what it is trained on is what a job's guide looks like."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel

from benchmarks.quality.guides import Case
from sjc_blender.engine.cameras.viewpoints import orbit_camera
from sjc_blender.engine.radiance import mesh_view
from training import control
from training.shapes import Variation, distance
from training.tracing import Camera, closeness

BUILTIN = Path(__file__).resolve().parents[2] / "sjc_blender" / "models" / "builtin"


def test_a_stretched_object_is_the_object_along_each_axis():
    points = torch.rand(2000, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    stretch = (1.1, 0.6, 0.8)
    found = distance("chair", points, Variation(stretch=stretch))
    assert torch.equal(found <= 0, distance("chair", points / torch.tensor(stretch)) <= 0)
    # Never farther than it says, so that rays that march by it miss nothing.
    assert (found.abs() <= distance("chair", points / torch.tensor(stretch)).abs()).all()


def test_the_traced_depth_is_that_of_a_guide():
    case = Case("red", "chair", (0.7, 1.0, 1.0))
    view = Camera(30.0, 20.0)
    (traced,) = closeness("chair", [view], 64, None, 0.0, case.stretch)
    vertices, triangles = (torch.from_numpy(array) for array in case.mesh())
    seen = mesh_view.closeness(vertices.double(), triangles.long(), orbit_camera(30.0, 20.0, 2.0, 55.0, "x"), 64)
    assert (traced.isfinite() == seen.isfinite()).float().mean() > 0.98
    both = traced.isfinite() & seen.isfinite()
    assert both.sum() > 300
    assert (1 / traced - 1 / seen)[both].abs().median() < 0.02


def test_an_untrained_one_changes_nothing():
    unet = UNet2DConditionModel.from_pretrained(BUILTIN / "unet", torch_dtype=torch.float32)
    network = control.build(unet)
    sample, texts = torch.randn(1, 4, 32, 32), torch.randn(1, 20, 64)
    down, middle = network(sample, 500, texts, torch.rand(1, 3, 64, 64), return_dict=False)
    assert not any(residual.any() for residual in (*down, middle))
    assert torch.equal(network.conv_in.weight, unet.conv_in.weight)


@pytest.mark.parametrize("name", ["mug"])
def test_what_it_learns_from_has_a_depth_for_each_picture(name, tmp_path, monkeypatch):
    monkeypatch.setattr(control.dataset, "NAMES", (name,))
    control.trace(tmp_path / "views.npz", 3, seed=1)
    made = control.read(tmp_path / "views.npz")
    turned = made.mirrored()
    assert made.depth.shape == (3, 64, 64) and np.array_equal(turned.depth, made.depth[:, :, ::-1])
    away = np.abs(made.views.base.astype(float) - 127.5).max(-1) > 2
    object_there = away | (made.views.mask > 0)
    assert ((made.depth > 0) == object_there).mean() > 0.95
