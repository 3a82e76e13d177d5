"""The result folder: what was asked for, readable by numpy alone, whole or not at all."""

import errno
import json
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from sjc_blender.engine.results import result
from sjc_blender.engine.results.mesh import extract_mesh
from sjc_blender.engine.results.result import write_result
from sjc_blender.engine.results.turntable import Turntable
from sjc_blender.protocol import events
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.spec import DomainSpec, JobSpec, OutputSpec
from tests.engine.analytic_objects import coloured_ball

GRID = coloured_ball(16)
MESH = extract_mesh(GRID, JobSpec(prompt="a ball"), lambda event: None)
MATRIX = ((2.0, 0.0, 0.0, 5.0), (0.0, 2.0, 0.0, 6.0), (0.0, 0.0, 2.0, 7.0), (0.0, 0.0, 0.0, 1.0))
SPEC = JobSpec(prompt="a ball", domain=DomainSpec(matrix_world=MATRIX))
TURNTABLE = Turntable(torch.full((2, 3, 32, 32), 0.5), torch.full((3, 64, 256), 0.5), fog=0.1)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grey turntable in no time, for tests of other things."""
    monkeypatch.setattr(result, "render_turntable", lambda grid: TURNTABLE)


def _folder(path: Path) -> JobFolder:
    return JobFolder.create(path, SPEC)


def _write(folder: JobFolder, spec: JobSpec = SPEC, told: list[events.Event] | None = None) -> events.Result:
    mesh = MESH if spec.outputs.mesh else None
    report = (lambda event: told.append(event)) if told is not None else (lambda event: None)
    return write_result(folder, spec, GRID, mesh, {"steps": 500.0, "colour_psnr": 31.5}, report)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[JobFolder, events.Result]:
    folder = _folder(tmp_path_factory.mktemp("job"))
    return folder, _write(folder)


def test_every_file_is_named_relative_to_the_job_and_nothing_else_is_left(
    written: tuple[JobFolder, events.Result],
) -> None:
    folder, told = written
    assert told.files == {
        "field": "result/field.npz",
        "mesh": "result/mesh.npz",
        "mesh_ply": "result/mesh.ply",
        "mesh_glb": "result/mesh.glb",
        "turntable": "result/turntable.png",
        "turntable_video": "result/turntable.mp4",
        "metrics": "result/metrics.json",
    }
    assert sorted(p.name for p in folder.result.iterdir()) == sorted(Path(f).name for f in told.files.values())


def test_the_field_holds_plain_arrays_in_domain_units(written: tuple[JobFolder, events.Result]) -> None:
    folder, _ = written
    with np.load(folder.result / "field.npz", allow_pickle=False) as field:
        assert int(field["version"]) == 1
        assert field["density"].dtype == np.float32
        np.testing.assert_array_equal(field["density"], GRID.density_grid.numpy())
        np.testing.assert_allclose(field["rgb"], GRID.rgb_grid.numpy(), atol=1e-3)
        assert field["rgb"].shape == (16, 16, 16, 3)
        assert field["half_extents"].tolist() == [1.0, 1.0, 1.0]
        assert float(field["voxel_size"]) == pytest.approx(2 / 16)
        np.testing.assert_array_equal(field["matrix_world"], MATRIX)


def test_the_mesh_is_the_same_in_all_three_files(written: tuple[JobFolder, events.Result]) -> None:
    folder, _ = written
    with np.load(folder.result / "mesh.npz", allow_pickle=False) as arrays:
        assert arrays["faces"].dtype == np.int32
        for name in ("vertices", "faces", "normals", "colours"):
            np.testing.assert_array_equal(arrays[name], getattr(MESH, name))
    ply = trimesh.load(folder.result / "mesh.ply", process=False)
    np.testing.assert_array_equal(ply.vertices, MESH.vertices)
    (glb,) = trimesh.load(folder.result / "mesh.glb", process=False).geometry.values()
    np.testing.assert_array_equal(glb.faces, MESH.triangles)
    assert ply.is_watertight and glb.is_watertight


def test_the_metrics_are_those_of_the_result_event(written: tuple[JobFolder, events.Result]) -> None:
    folder, told = written
    metrics = json.loads((folder.result / "metrics.json").read_text())
    assert metrics == told.metrics
    assert metrics["steps"] == 500 and metrics["colour_psnr"] == 31.5
    assert metrics["mesh_watertight"] == 1 and metrics["mesh_components"] == 1
    assert metrics["mesh_vertices"] == len(MESH.vertices) and metrics["mesh_faces"] == len(MESH.faces)
    # A ball of radius 0.6 and half a voxel, in a box of side 2.
    assert metrics["occupied_share"] == pytest.approx(4 / 3 * math.pi * (0.6 + 1 / 16) ** 3 / 8, rel=0.05)
    assert 0 <= metrics["fog_share"] < 0.3


def test_the_contact_sheet_is_a_picture(written: tuple[JobFolder, events.Result]) -> None:
    folder, _ = written
    with Image.open(folder.result / "turntable.png") as sheet:
        assert sheet.mode == "RGB"
        assert sheet.width == 4 * sheet.height


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("asked", ["volume", "mesh"])
def test_only_what_the_spec_asks_for_is_written(tmp_path: Path, asked: str) -> None:
    outputs = OutputSpec(volume=asked == "volume", mesh=asked == "mesh")
    told = _write(_folder(tmp_path / "job"), replace(SPEC, outputs=outputs))
    assert "field" in told.files  # the mesh can be cut anew from it
    assert {"mesh", "mesh_ply", "mesh_glb"} <= set(told.files) if asked == "mesh" else "mesh" not in told.files
    assert {"turntable", "metrics"} <= set(told.files)


@pytest.mark.usefixtures("quick")
def test_without_ffmpeg_there_is_a_warning_and_everything_but_the_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "no-ffmpeg"))
    said: list[events.Event] = []
    told = _write(_folder(tmp_path / "job"), told=said)
    assert "turntable_video" not in told.files
    assert {"field", "mesh", "turntable", "metrics"} <= set(told.files)
    whole, warning = said
    assert whole == events.ObjectWhole()
    assert isinstance(warning, events.Warned) and "ffmpeg" in warning.message


def test_a_full_disk_is_told_and_the_old_files_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _folder(tmp_path / "job")
    (folder.result / "field.npz").write_bytes(b"old field")

    def full(file: Path, **arrays: np.ndarray) -> None:
        Path(file).write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(result.np, "savez_compressed", full)
    with pytest.raises(SjcError) as told:
        _write(folder)
    assert told.value.code == "disk_full"
    assert [(p.name, p.read_bytes()) for p in folder.result.iterdir()] == [("field.npz", b"old field")]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_told(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "job")
    folder.result.chmod(0o500)
    with pytest.raises(SjcError) as told:
        _write(folder)
    assert told.value.code == "folder_not_writable"


def test_a_result_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "job")
    folder.result.rmdir()
    folder.result.write_text("in the way")
    with pytest.raises(SjcError) as told:
        _write(folder)
    assert told.value.code == "folder_not_writable"
    assert "result" in told.value.message
    assert folder.result.read_text() == "in the way"


@pytest.mark.usefixtures("quick")
def test_the_object_is_told_of_when_it_is_whole_and_before_its_pictures(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "job")
    there: list[set[str]] = []

    def report(event: events.Event) -> None:
        if isinstance(event, events.ObjectWhole):
            there.append({path.name for path in folder.result.iterdir()})

    write_result(folder, SPEC, GRID, MESH, {}, report)
    assert there == [{"field.npz", "mesh.npz", "mesh.ply", "mesh.glb"}]
