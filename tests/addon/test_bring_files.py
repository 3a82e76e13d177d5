"""Results of another project: their grids come in beside this file on request, and nothing else does."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

import sjc_blender
from sjc_blender.addon import api
from sjc_blender.addon.results import bring_files
from sjc_blender.addon.ui.result import result_panel
from sjc_blender.protocol.errors import SjcError
from tests.addon.drawn_layout import Layout


@pytest.fixture(autouse=True)
def addon(scene):
    sjc_blender.register()
    yield
    sjc_blender.unregister()


@pytest.fixture
def other(scene, finished_job, small_field, tmp_path):
    """Give the .blend of another project with a Volume, and leave an empty file open."""
    home = tmp_path / "another project"
    home.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(home / "hero.blend"))
    (obj,) = api.import_result(finished_job(field=small_field), outputs=["volume"])
    obj.name = "hero"
    bpy.ops.wm.save_as_mainfile(filepath=str(home / "hero.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return home / "hero.blend"


def open_here(tmp_path, blend, *, link):
    """Save the open file as one of its own project, and take the hero into it."""
    here = tmp_path / "here"
    here.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(here / "shot.blend"))
    with bpy.data.libraries.load(str(blend), link=link, relative=True) as (_, wanted):
        wanted.objects = ["hero"]
    (obj,) = wanted.objects
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.view_layer.objects.active = obj
    return obj


def said_in_panel(monkeypatch):
    monkeypatch.setattr(
        result_panel, "draw_sentences", lambda layout, context, text, icon="NONE", **_: layout.label(text=text)
    )
    layout = Layout()
    result_panel._draw_elsewhere(layout, bpy.context, bpy.context.object)
    return layout


def test_an_appended_volume_brings_its_grids_along(other, tmp_path, monkeypatch):
    obj = open_here(tmp_path, other, link=False)
    layout = said_in_panel(monkeypatch)
    assert result_panel.ELSEWHERE in layout.texts() and "sjc.bring_files" in layout.operators()
    (path,) = api.bring_files_here().files
    assert path.parent == tmp_path / "here" / "sjc" and obj.data.filepath == f"//sjc/{path.name}"
    assert path.read_bytes() == (other.parent / "sjc" / path.name).read_bytes()
    assert not bring_files.is_elsewhere(obj) and not said_in_panel(monkeypatch).operators()
    bpy.ops.wm.save_mainfile()
    shutil.rmtree(other.parent)
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    assert bpy.data.objects["hero"].data.grids.load()
    assert api.bring_files_here() == api.BroughtFiles((), {})


def test_so_does_one_that_was_saved_into_another_folder(other, tmp_path):
    bpy.ops.wm.open_mainfile(filepath=str(other))
    (tmp_path / "copy").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "copy" / "hero.blend"))
    assert bpy.ops.sjc.bring_files() == {"FINISHED"}
    assert Path(bpy.path.abspath(bpy.data.objects["hero"].data.filepath)).parent == tmp_path / "copy" / "sjc"


def test_what_is_linked_is_left_alone_and_said(other, tmp_path, monkeypatch):
    obj = open_here(tmp_path, other, link=True)
    before = obj.data.filepath
    layout = said_in_panel(monkeypatch)
    assert result_panel.LINKED in layout.texts() and not layout.operators()
    done = api.bring_files_here()
    assert done.files == () and "linked from" in done.left["hero"] and obj.data.filepath == before
    assert not (tmp_path / "here" / "sjc").exists()


def test_what_is_linked_is_changed_in_its_own_file(other, tmp_path):
    obj = open_here(tmp_path, other, link=True)
    calls = [
        lambda: api.set_look(obj, "SCATTERING"),
        lambda: api.show_as(obj, "mesh"),
        lambda: api.show_side(obj, "before"),
        lambda: api.remesh(obj),
        lambda: api.mark_as_asset(obj),
    ]
    for call in calls:
        with pytest.raises(SjcError, match="hero") as refused:
            call()
        assert refused.value.code == "linked_object"
    assert api.export_result(obj, tmp_path / "hero.vdb").is_file()
    override = obj.override_create(remap_local_usages=True)
    for call in (lambda: api.set_look(override, "SCATTERING"), lambda: api.mark_as_asset(override)):
        with pytest.raises(SjcError, match="linked from"):
            call()


@pytest.mark.parametrize("kind", ["another file", "a link", "another name", "a link in its place", "nothing"])
def test_files_that_are_not_ours_stay_where_they_are(other, tmp_path, kind):
    obj = open_here(tmp_path, other, link=False)
    ours = Path(bpy.path.abspath(obj.data.filepath)).resolve()
    target = {
        "another file": tmp_path / "secret",
        "a link": ours.with_name("linked-0123456789ab.vdb"),
        "another name": ours.with_name("another-0123456789ab.vdb"),
        "a link in its place": ours,
        "nothing": ours.with_name("missing-0123456789ab.vdb"),
    }[kind]
    (tmp_path / "secret").write_text("a key")
    if kind == "another name":
        shutil.copy(ours, target)
    elif kind.startswith("a link"):
        target.unlink(missing_ok=True)
        target.symlink_to(tmp_path / "secret")
    obj.data.filepath = str(target)
    done = api.bring_files_here()
    assert done.files == () and str(target) in done.left["hero"]
    assert not (tmp_path / "here" / "sjc").exists()


def test_a_file_that_was_never_saved_says_so(scene):
    with pytest.raises(SjcError) as refused:
        api.bring_files_here()
    assert refused.value.code == "not_saved_yet"
    assert not bring_files.is_elsewhere(SimpleNamespace(type="MESH"))
    assert not bpy.ops.sjc.bring_files.poll()
