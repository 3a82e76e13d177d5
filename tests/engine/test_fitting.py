"""Fitting to posed pictures: what is read, and that a known object comes back."""

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

from sjc_blender.engine.cameras.viewpoints import orbit_camera
from sjc_blender.engine.commands import cli
from sjc_blender.engine.fitting.fit import FitSettings, fit_grid, psnr
from sjc_blender.engine.fitting.posed_pictures import read_pictures
from sjc_blender.engine.image_files.srgb import from_linear
from sjc_blender.engine.radiance.radiance_grid import RadianceGrid
from sjc_blender.engine.radiance.rays import camera_rays
from sjc_blender.engine.radiance.renderer import render_chunked
from sjc_blender.protocol import codec
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.spec import DomainSpec

SIDE, HALF_SIDE, ANGLE = 40, 2.0, 40.0


def two_coloured_box() -> RadianceGrid:
    """A box off the centre, red below and green above."""
    n = 40
    axis = (torch.arange(n) + 0.5) * 2 / n - 1
    x, y, z = torch.meshgrid(axis, axis, axis, indexing="ij")
    inside = (x.abs() < 0.5) & ((y - 0.1).abs() < 0.3) & (z.abs() < 0.4)
    rgb = torch.where((z > 0)[..., None], torch.tensor([0.1, 0.6, 0.1]), torch.tensor([0.7, 0.05, 0.05]))
    return RadianceGrid(200.0 * inside, rgb, torch.ones(3), torch.zeros(3))


def write_set(folder, count=40, opaque=False):
    """The box as NeRF's synthetic format has it, in a world twice as large as the domain."""
    grid, frames = two_coloured_box(), []
    folder.mkdir(parents=True)
    for index in range(count):
        camera = orbit_camera(index * 137.5 % 360 - 180, -50 + 120 * index / count, 2.6, ANGLE)
        view = render_chunked(grid, camera_rays(camera, 2 * SIDE, 2 * SIDE), subpixels=2)
        alpha = view.opacity[None]
        rgb = from_linear(view.image / alpha.clamp(min=1e-3))
        rgba = torch.cat([rgb, alpha]) if not opaque else from_linear(view.image + (1 - alpha))
        pixels = (rgba.movedim(0, -1) * 255).round().byte().numpy()
        Image.fromarray(pixels).save(folder / f"r_{index}.png")
        matrix = np.array(camera.pose)
        matrix[:3, 3] *= HALF_SIDE
        frames.append({"file_path": f"./r_{index}", "transform_matrix": matrix.tolist()})
    data = {"camera_angle_x": math.radians(ANGLE), "frames": frames}
    (folder / "transforms.json").write_text(json.dumps(data))
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("posed") / "red and green")


@pytest.mark.parametrize("opaque", [False, True])
def test_a_known_object_comes_back(pictures, tmp_path, opaque):
    folder = write_set(tmp_path / "opaque", opaque=True) if opaque else pictures
    found = read_pictures(folder, HALF_SIDE, SIDE)
    assert (len(found.train), len(found.held_out)) == (35, 5)
    grid = fit_grid(found.train, FitSettings(resolution=40, steps=250))
    assert psnr(grid, found.held_out) > 25
    truth = two_coloured_box()
    made, true = grid.density_grid * grid.voxel_size > 0.7, truth.density_grid > 0
    # Its inside is seen by nobody; what is outside of it is.
    assert (made & ~true).sum() < 0.15 * true.sum()
    x, y, z = 20, 22, 27
    assert grid.rgb_grid[x, 15, z].argmax() == 1 and grid.rgb_grid[x, 15, 12].argmax() == 0, (y, "front face")


def test_the_command_makes_a_job_that_can_be_imported(pictures, tmp_path, capsys):
    out = tmp_path / "fitted"
    options = ["--half-side", str(HALF_SIDE), "--resolution", "32", "--size", "32", "--steps", "60"]
    assert cli.main(["fit", str(pictures), "--out", str(out), *options]) == 0
    assert "PSNR of the held-out pictures" in capsys.readouterr().out
    folder = JobFolder(out)
    assert folder.read_spec().prompt == "red and green"
    assert folder.read_spec().domain.matrix_world[0][0] == HALF_SIDE
    with np.load(folder.result / "field.npz") as field:
        assert field["density"].shape == (32, 32, 32)
        assert field["matrix_world"][0, 0] == HALF_SIDE
    metrics = json.loads((folder.result / "metrics.json").read_text())
    assert metrics["psnr_held_out"] > 15
    assert (folder.result / "mesh.glb").stat().st_size > 0


def test_reference_views_and_a_box_that_is_no_cube(tmp_path):
    grid, views = two_coloured_box(), []
    for index in range(24):
        camera = orbit_camera(index * 15 - 180, (index % 3) * 25, 2.6, ANGLE)
        view = render_chunked(grid, camera_rays(camera, SIDE, SIDE))
        rgba = torch.cat([from_linear(view.image / view.opacity.clamp(min=1e-3)), view.opacity[None]])
        Image.fromarray((rgba.movedim(0, -1) * 255).round().byte().numpy()).save(tmp_path / f"{index}.png")
        views.append({"image": f"{index}.png", "camera": codec.encode(camera)})
    domain = DomainSpec(
        (0.6, 0.5, 1.0), ((0.0, -3.0, 0.0, 1.0), (3.0, 0.0, 0.0, 2.0), (0.0, 0.0, 3.0, 5.0), (0, 0, 0, 1))
    )
    data = {"version": 1, "views": views, "domain": codec.encode(domain)}
    (tmp_path / "reference_views.json").write_text(json.dumps(data))
    found = read_pictures(tmp_path, 1.0, SIDE)
    assert found.domain == domain
    fitted = fit_grid(found.train, FitSettings(resolution=32, steps=120), domain.half_extents)
    assert fitted.shape == (19, 16, 32)
    assert psnr(fitted, found.held_out) > 22


def test_the_same_seed_repeats(pictures):
    train = read_pictures(pictures, HALF_SIDE, 16).train
    settings = FitSettings(resolution=16, steps=12, seed=3)
    first, second = fit_grid(train, settings), fit_grid(train, settings)
    assert torch.equal(first.density_grid, second.density_grid)
    assert torch.equal(first.rgb_grid, second.rgb_grid)


def refusal(folder):
    with pytest.raises(SjcError) as caught:
        read_pictures(folder, 1.0, 32)
    return caught.value


def test_a_folder_without_pictures_is_told_what_it_needs(tmp_path):
    error = refusal(tmp_path)
    assert error.code == "no_posed_pictures" and "transforms.json" in error.hint


@pytest.mark.parametrize(
    "data",
    [
        "not JSON",
        {"frames": []},
        {"frames": [{"file_path": "r_0", "transform_matrix": [[1]]}], "camera_angle_x": 1},
        {"frames": [{"file_path": "../r_0", "transform_matrix": np.eye(4).tolist()}], "camera_angle_x": 1},
        {"frames": [{"file_path": "missing", "transform_matrix": np.eye(4).tolist()}], "camera_angle_x": 1},
    ],
)
def test_faulty_lists_are_one_sentence(tmp_path, data):
    folder = tmp_path / "set"
    folder.mkdir()
    for place in (folder, tmp_path):
        Image.new("RGBA", (8, 8)).save(place / "r_0.png")
    (folder / "transforms.json").write_text(data if isinstance(data, str) else json.dumps(data))
    error = refusal(folder)
    assert error.code == "bad_posed_pictures" and "transforms.json" in error.message


def test_a_box_that_no_camera_sees_is_told(pictures):
    train = read_pictures(pictures, 1000.0, 16).train
    away = [p for p in train if p.camera.pose[2][3] > 0]
    turned = [type(p)(type(p.camera)(p.camera.name, _away(p.camera.pose), p.camera.window), p.rgba) for p in away[:2]]
    with pytest.raises(SjcError) as caught:
        fit_grid(turned, FitSettings(resolution=8, steps=10))
    assert caught.value.code == "pictures_miss_the_box"


def _away(pose):
    """The same camera far off, looking the other way."""
    rows = [list(row) for row in pose]
    for row in rows[:3]:
        row[0], row[2], row[3] = -row[0], -row[2], row[2] * 9
    return tuple(map(tuple, rows))


def test_bad_options_are_told_all_at_once(pictures, tmp_path, capsys):
    options = ["--half-side", "0", "--resolution", "4", "--steps", "1"]
    assert cli.main(["fit", str(pictures), "--out", str(tmp_path / "x"), *options]) != 0
    told = capsys.readouterr().err
    assert all(word in told for word in ("--half-side", "--resolution", "--steps"))
    assert not (tmp_path / "x").exists()
