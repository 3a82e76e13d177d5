"""What the engine hands over is read, and what is broken is said in one sentence."""

import os

import bpy
import numpy as np
import pytest

from sjc_blender.addon.results import asset, picture_size
from sjc_blender.addon.results.result_files import read_field, read_mesh
from sjc_blender.addon.ui.shared import previews
from sjc_blender.protocol.errors import SjcError


@pytest.fixture
def small_mesh():
    return {
        "vertices": np.eye(4, 3, dtype=np.float32),
        "faces": np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32),
        "colours": np.full((4, 3), 0.5, dtype=np.float32),
    }


def test_a_field_comes_back_as_it_was_written(finished_job, small_field):
    field = read_field(finished_job(field=small_field))
    assert np.array_equal(field.density, small_field["density"])
    assert np.array_equal(field.rgb, small_field["rgb"])
    assert field.half_extents.tolist() == [1.0, 0.75, 0.5]
    assert field.voxel_size == 0.5


def test_a_mesh_comes_back_as_it_was_written(finished_job, small_mesh):
    mesh = read_mesh(finished_job(mesh=small_mesh))
    for name, array in small_mesh.items():
        assert np.array_equal(getattr(mesh, name), array)


@pytest.mark.parametrize("read", [read_field, read_mesh])
def test_a_job_without_a_result_says_so(finished_job, read):
    with pytest.raises(SjcError) as caught:
        read(finished_job())
    assert caught.value.code == "no_result"
    assert "result" in caught.value.message


BROKEN_FIELDS = {
    "density is missing": ("density", None, "'density' is missing"),
    "density is flat": ("density", np.ones((4, 3), np.float32), "[any, any, any] is expected"),
    "density is negative": ("density", -np.ones((4, 3, 2), np.float32), "negative"),
    "density is not finite": ("density", np.full((4, 3, 2), np.nan, np.float32), "no finite numbers"),
    "colours are channel first": ("rgb", np.ones((3, 4, 3, 2), np.float32), "[4, 3, 2, 3] is expected"),
    "colours are whole numbers": ("rgb", np.ones((4, 3, 2, 3), np.uint8), "'rgb' is uint8"),
    "colours are infinite": ("rgb", np.full((4, 3, 2, 3), np.inf, np.float32), "no finite numbers"),
    "voxels do not fit": ("voxel_size", np.float64(0.1), "do not fill the domain"),
    "voxels are nothing": ("voxel_size", np.float64(0.0), "do not fill the domain"),
    "a later format": ("version", np.int64(2), "it has the format 2"),
    "a format beyond 32 bits": ("version", np.int64(2**40 + 1), "more than 32 bits"),
    "colours beyond their type": ("rgb", np.full((4, 3, 2, 3), 1e300), "no finite numbers"),
    "a domain of metres": ("half_extents", np.full(3, 1e300), "not in its own units"),
    "a pickle": ("density", np.array([{"a": 1}], dtype=object), "plain numbers are expected"),
}


@pytest.mark.parametrize("case", BROKEN_FIELDS)
def test_a_broken_field_is_one_sentence_that_names_the_file(finished_job, small_field, case):
    name, value, words = BROKEN_FIELDS[case]
    arrays = {**small_field, name: value}
    if value is None:
        del arrays[name]
    with pytest.raises(SjcError) as caught:
        read_field(finished_job(field=arrays))
    assert caught.value.code == "broken_result"
    assert words in caught.value.message
    assert "field.npz" in caught.value.message


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("faces", np.array([[0, 1, 4]], np.int32), "vertices that are not there"),
        ("faces", np.array([[-1, 1, 2]], np.int32), "vertices that are not there"),
        ("faces", np.zeros((0, 3), np.int32), "no faces"),
        ("faces", np.array([[2**32, 2**32 + 1, 2**32 + 2]], np.int64), "more than 32 bits"),
        ("faces", np.array([[2**63, 1, 2]], np.uint64), "more than 32 bits"),
        ("vertices", np.full((4, 3), 1e300), "no finite numbers"),
        ("colours", np.ones((3, 3), np.float32), "[4, 3] is expected"),
        ("faces", np.zeros((1, 5), np.int32), "3 or 4 are expected"),
        ("colours", np.full((4, 3), np.nan, np.float32), "no finite numbers"),
    ],
)
def test_a_broken_mesh_is_one_sentence(finished_job, small_mesh, name, value, words):
    with pytest.raises(SjcError) as caught:
        read_mesh(finished_job(mesh={**small_mesh, name: value}))
    assert caught.value.code == "broken_result"
    assert words in caught.value.message


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 torn"])
def test_a_torn_file_is_said(finished_job, content):
    folder = finished_job()
    (folder.result / "field.npz").write_bytes(content)
    with pytest.raises(SjcError) as caught:
        read_field(folder)
    assert caught.value.code == "broken_result"


def test_a_file_cut_short_is_said(finished_job, small_field):
    folder = finished_job(field=small_field)
    path = folder.result / "field.npz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SjcError, match="cannot be read"):
        read_field(folder)


def test_a_pipe_in_place_of_a_result_is_not_waited_for(finished_job):
    folder = finished_job()
    os.mkfifo(folder.field)
    with pytest.raises(SjcError) as caught:
        read_field(folder)
    assert caught.value.code == "not_a_plain_file"


@pytest.mark.parametrize(("width", "height"), [(30_000, 30_000), (1, 2**31 - 1), (0, 0)])
def test_a_picture_is_measured_before_it_is_loaded(finished_job, monkeypatch, width, height):
    folder = finished_job()
    content = picture_size.SIGNATURE + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02" + bytes(20)
    for path in (folder.preview(1), folder.turntable):
        path.write_bytes(content)

    class Loader(dict):
        def load(self, *_):
            raise AssertionError("it was loaded")

    monkeypatch.setattr(previews, "_collection", Loader())
    assert previews.icon(folder.preview(1)) == 0
    before = set(bpy.data.images)
    assert asset._picture(folder) is None
    assert set(bpy.data.images) == before


def test_a_pipe_in_place_of_a_picture_is_not_waited_for(finished_job, monkeypatch):
    folder = finished_job()
    os.mkfifo(folder.preview(1))
    monkeypatch.setattr(previews, "_collection", {})
    assert previews.icon(folder.preview(1)) == 0
    assert folder.newest_preview() is None
