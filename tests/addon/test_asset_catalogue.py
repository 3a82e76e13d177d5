"""Assets stand in a catalogue, and the user's own file of catalogues keeps all that it has."""

import bpy
import pytest

from sjc_blender.addon.jobs import lifecycle
from sjc_blender.addon.results.asset import mark_as_asset
from sjc_blender.addon.results.asset_catalogue import CATALOGUE, FILE, LINE, add_catalogue
from sjc_blender.addon.results.import_volume import import_volume
from sjc_blender.protocol.errors import SjcError

USERS = b"# mine\r\nVERSION 1\r\n\r\n0b1c3b0e-93d4-4c52-8f0b-1d7e6f2a9c40:St\xc3\xbchle:St\xc3\xbchle"


def test_a_saved_asset_brings_its_catalogue_once(scene, finished_job, small_field, tmp_path, monkeypatch):
    handlers = bpy.app.handlers.save_post
    handlers.append(lifecycle._after_save)
    try:
        obj = import_volume(finished_job(field=small_field), scene)
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
        assert not (tmp_path / FILE).exists()
        mark_as_asset(obj)
        for _ in range(2):
            bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
        text = (tmp_path / FILE).read_text()
        assert text.count(CATALOGUE) == 1 and "VERSION 1" in text
        assert bpy.data.objects[obj.name].asset_data.catalog_id == CATALOGUE
    finally:
        handlers.remove(lifecycle._after_save)


def test_what_the_file_has_stays_byte_for_byte(scene, tmp_path):
    (tmp_path / FILE).write_bytes(USERS)
    for _ in range(2):
        add_catalogue(str(tmp_path / "a.blend"))
    assert (tmp_path / FILE).read_bytes() == USERS + b"\r\n" + LINE.encode() + b"\r\n"


def test_a_catalogue_that_was_renamed_is_left_so(scene, tmp_path):
    renamed = b"VERSION 1\n" + CATALOGUE.upper().encode() + b":Props/Generated:Generated\n"
    (tmp_path / FILE).write_bytes(renamed)
    add_catalogue(str(tmp_path / "a.blend"))
    assert (tmp_path / FILE).read_bytes() == renamed


@pytest.mark.parametrize("content", [b"VERSION 2\n", b"something else"])
def test_a_file_of_another_kind_is_not_touched(scene, tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(SjcError) as told:
        add_catalogue(str(tmp_path / "a.blend"))
    assert told.value.code == "catalogue_not_added"
    assert (tmp_path / FILE).read_bytes() == content


def test_a_link_is_not_followed(scene, tmp_path):
    (tmp_path / "shared.txt").write_bytes(USERS)
    (tmp_path / FILE).symlink_to(tmp_path / "shared.txt")
    with pytest.raises(SjcError):
        add_catalogue(str(tmp_path / "a.blend"))
    assert (tmp_path / "shared.txt").read_bytes() == USERS and (tmp_path / FILE).is_symlink()


def test_in_an_asset_library_it_is_the_librarys(scene, tmp_path):
    libraries = bpy.context.preferences.filepaths.asset_libraries
    library = libraries.new(name="Mine", directory=str(tmp_path))
    try:
        (tmp_path / "below").mkdir()
        add_catalogue(str(tmp_path / "below" / "a.blend"))
    finally:
        libraries.remove(library)
    assert LINE in (tmp_path / FILE).read_text() and not (tmp_path / "below" / FILE).exists()
