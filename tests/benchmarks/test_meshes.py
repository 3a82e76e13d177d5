"""The benchmark of meshes in Blender: which jobs it looks at, what it keeps, what it tells."""

import json
import os
import sys

import pytest

from benchmarks.quality import meshes

VERSION = "5.2.0"
GOOD, BAD = {"faults": []}, {"faults": ["it has no UV map"]}


@pytest.fixture
def out(tmp_path):
    for name, files in {"chair": ["mesh.npz"], "mug": ["mesh.npz"], "failed": []}.items():
        folder = tmp_path / "standard" / name
        (folder / "result").mkdir(parents=True)
        for file in ("job.json", "quality.json", *(f"result/{file}" for file in files)):
            (folder / file).write_text("{}", encoding="utf-8")
    (tmp_path / "quality.json").write_text("{}", encoding="utf-8")  # the benchmark's own sum
    running = tmp_path / "standard" / "running"
    running.mkdir()
    (running / "job.json").write_text("{}", encoding="utf-8")
    return tmp_path


@pytest.fixture
def blender(monkeypatch):
    """Stand in for Blender; notes the folders it was given, and finds what it is told to."""

    class Blender:
        version, found, asked = VERSION, GOOD, []

        def __call__(self, program, *folders, python, environment):
            self.asked += [folder.name for folder in folders]
            looks = {str(folder): {"imported": GOOD, "glb": self.found} for folder in folders}
            return {"blender": self.version, "meshes": looks}

    stand_in = Blender()
    stand_in.asked = []
    monkeypatch.setattr(meshes, "measured", stand_in)
    return stand_in


def run(out, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["meshes", "--out", str(out)])
    return meshes.main()


def test_meshes_in_order_are_counted_and_not_looked_at_again(out, blender, monkeypatch, capsys):
    for _ in range(2):
        assert run(out, monkeypatch) == 0
        assert "2 of 2 meshes are in order in Blender 5.2.0; 1 jobs ended without a mesh" in capsys.readouterr().out
    assert blender.asked == ["chair", "mug"]


def test_a_mesh_that_is_not_in_order_is_named(out, blender, monkeypatch, capsys):
    blender.found = BAD
    assert run(out, monkeypatch) == 1
    said = capsys.readouterr().out
    assert f"{out / 'standard' / 'chair'}: glb: it has no UV map" in said
    assert "0 of 2" in said


def test_another_blender_and_a_mesh_made_anew_are_looked_at_again(out, blender, monkeypatch):
    assert run(out, monkeypatch) == 0
    blender.version = "6.0.0"
    assert run(out, monkeypatch) == 0
    mug = out / "standard" / "mug"
    before = (mug / "result" / "mesh.npz").stat().st_mtime - 10
    os.utime(mug / "opens.json", (before, before))
    assert run(out, monkeypatch) == 0
    assert blender.asked == ["chair", "mug", "chair", "mug", "mug"]
    assert json.loads((mug / "opens.json").read_text(encoding="utf-8"))["blender"] == "6.0.0"


def test_no_mesh_at_all_is_not_in_order(tmp_path, blender, monkeypatch):
    assert run(tmp_path, monkeypatch) == 1
