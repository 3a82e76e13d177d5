"""A .blend of a newer Blender is named as such, and never saved over: this one would lose what it does not know."""

import re

import bpy
import pytest

from sjc_blender.addon.commands.command_line import main
from sjc_blender.addon.commands.outcome import EXIT_OK, EXIT_USAGE
from sjc_blender.addon.results.blend_mentions import saved_by

VERSION = re.compile(rb"(BLENDER(?:[0-9]{2}-[0-9]{2}v|[-_]v))([0-9]+)")


@pytest.fixture
def folder(addon, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def newer(path):
    """Save the open file as one that the Blender after the next will have written."""
    bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True, compress=False)
    content = path.read_bytes()
    found = VERSION.match(content)
    path.write_bytes(found[1] + b"9" * len(found[2]) + content[found.end() :])
    return path.read_bytes()


@pytest.mark.parametrize("packed", [False, True])
def test_which_blender_has_written_a_file_stands_at_its_head(folder, packed):
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "scene.blend"), compress=packed)
    assert saved_by(folder / "scene.blend") == bpy.app.version[:2]
    (folder / "old.blend").write_bytes(b"BLENDER-v279RENDH")
    (folder / "new.blend").write_bytes(b"BLENDER17-01v0601REND")
    (folder / "none.blend").write_bytes(b"BLENDER")
    assert [saved_by(folder / f"{name}.blend") for name in ("old", "new", "none", "missing")] == [
        (2, 79),
        (6, 1),
        None,
        None,
    ]


def test_one_that_cannot_be_opened_is_named_with_its_blender(folder, monkeypatch, capfd):
    newer(folder / "newer.blend")
    monkeypatch.setattr("sys.argv", ["blender", "-b", "newer.blend", "--command", "sjc"])
    assert main(["rig", "--rig", "ORBIT"]) == EXIT_USAGE
    told = capfd.readouterr().err
    assert "newer.blend, which Blender 9" in told and bpy.app.version_string in told


@pytest.mark.parametrize("command", ["generate", "batch"])
def test_it_is_not_saved_over(folder, capfd, command):
    content = newer(folder / "newer.blend")
    (folder / "one.txt").write_text("a chair\n")
    words = {"generate": ["generate", "--prompt", "a chair"], "batch": ["batch", "one.txt"]}[command]
    words += ["--model", "some/model", "--negative-prompt", "success"]
    assert main([*words, "--save", "newer.blend"]) == EXIT_USAGE
    assert "newer.blend is not saved over" in capfd.readouterr().err
    assert (folder / "newer.blend").read_bytes() == content
    assert main([*words, "--save", "other.blend"]) == EXIT_OK


def test_slashes_at_the_begin_of_a_path_mean_beside_the_blend(folder, capfd):
    (folder / "project").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "project" / "scene.blend"))
    words = ["generate", "--prompt", "a chair", "--model", "some/model", "--negative-prompt", "success"]
    words += ["--out", "//job", "--save", "//out.blend", "--json-file", "//said.json"]
    assert main(words) == EXIT_OK
    assert {"job", "out.blend", "said.json"} <= {path.name for path in (folder / "project").iterdir()}
