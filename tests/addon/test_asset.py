"""A result becomes an asset that can be recognised by its picture."""

import bpy
import numpy as np
import pytest

from sjc_blender.addon.results.asset import PREVIEW_SIDE, mark_as_asset, read_pixels
from sjc_blender.addon.results.import_volume import import_volume


def _write_png(path, rows):
    """Write `rows` [height, width, 3], top row first, through Blender."""
    height, width, _ = rows.shape
    image = bpy.data.images.new("picture", width, height)
    image.colorspace_settings.name = "Non-Color"
    image.pixels.foreach_set(np.insert(rows[::-1], 3, 1.0, axis=2).astype(np.float32).ravel())
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    bpy.data.images.remove(image)


@pytest.fixture
def folder(scene, finished_job, small_field):
    return finished_job(field=small_field)


def _preview(obj):
    width, height = obj.preview.image_size
    pixels = np.empty(width * height * 4, np.float32)
    obj.preview.image_pixels_float.foreach_get(pixels)
    return pixels.reshape(height, width, 4)[::-1]


def test_the_picture_is_the_front_of_the_turntable(scene, folder):
    sheet = np.zeros((32, 128, 3))
    sheet[:16, :16] = [0.2, 0.6, 1.0]  # the front at 15 degrees
    sheet[:4, :16] = [1.0, 0.0, 0.0]  # its upper quarter
    _write_png(folder.result / "turntable.png", sheet)
    obj = import_volume(folder, scene)
    mark_as_asset(obj, folder, tags=("chair", "sjc"))
    picture = _preview(obj)
    assert picture.shape[:2] == (PREVIEW_SIDE, PREVIEW_SIDE)
    assert np.allclose(picture[20, 128], [1.0, 0.0, 0.0, 1.0], atol=0.01)
    assert np.allclose(picture[200, [10, 128, 245]], [0.2, 0.6, 1.0, 1.0], atol=0.01)
    assert obj.asset_data.description == "a red chair"
    assert sorted(tag.name for tag in obj.asset_data.tags) == ["chair", "sjc", obj.type.lower()]
    assert len(bpy.data.images) == 0


def test_the_picture_is_in_the_saved_file(scene, folder, tmp_path):
    _write_png(folder.result / "turntable.png", np.full((32, 128, 3), 0.4))
    mark_as_asset(import_volume(folder, scene), folder)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "assets.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "assets.blend"))
    (obj,) = bpy.data.objects
    assert obj.asset_data is not None
    assert np.allclose(_preview(obj)[100, 100, :3], 0.4, atol=0.01)


def test_without_a_turntable_the_last_preview_serves(scene, folder):
    for step, grey in ((1, 0.1), (20, 0.7)):
        _write_png(folder.previews / f"{step:06d}.png", np.full((8, 8, 3), grey))
    obj = import_volume(folder, scene)
    mark_as_asset(obj, folder)
    assert np.allclose(_preview(obj)[..., :3], 0.7, atol=0.01)


def test_without_any_picture_it_is_an_asset_all_the_same(scene, folder):
    (folder.result / "turntable.png").write_bytes(b"no picture")
    obj = import_volume(folder, scene)
    mark_as_asset(obj, folder)
    assert obj.asset_data is not None


def test_a_picture_that_may_not_be_read_is_none(scene, folder, monkeypatch):
    _write_png(folder.result / "turntable.png", np.full((32, 128, 3), 0.4))

    def denied(path, *arguments, **options):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.open", denied)
    monkeypatch.setattr(type(folder.turntable), "open", denied)
    assert read_pixels(folder.turntable) is None
