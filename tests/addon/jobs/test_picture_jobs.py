"""A picture beside the prompt: from an image of the file into a job's folder, and on into edits of that job."""

import bpy
import numpy as np
import pytest

from sjc_blender.addon import api
from sjc_blender.addon.jobs import job_edit
from sjc_blender.protocol.errors import InvalidSpec, SjcError
from sjc_blender.protocol.picture import MOST_SIDE, picture_digest
from sjc_blender.protocol.spec import PictureSpec
from tests.addon.jobs.checkpoints import write_checkpoint
from tests.addon.jobs.test_edit import engine  # noqa: F401 - a fixture, for all tests here

MODEL = {"model": "some/model", "negative_prompt": "success"}
SEEING = {**MODEL, "picture": "Chair", "ip_adapter": "/adapters/ip.safetensors"}


def new_image(name, colours, *, floats=False):
    """An image of the file with these colours [H, W, 4], top row first."""
    height, width, _ = colours.shape
    image = bpy.data.images.new(name, width, height, alpha=True, float_buffer=floats)
    image.pixels.foreach_set(np.ascontiguousarray(colours[::-1], dtype=np.float32).ravel())
    return image


@pytest.fixture
def chair(scene):
    """An image: red, half transparent green, transparent; below it blue."""
    colours = np.zeros((2, 3, 4))
    colours[0] = (1, 0, 0, 1), (0, 1, 0, 0.5), (1, 1, 0, 0)
    colours[1] = 0, 0, 0.2, 1
    return new_image("Chair", colours)


def read(folder):
    with np.load(folder.picture, allow_pickle=False) as arrays:
        return arrays["pixels"]


def test_the_pixels_lie_in_the_jobs_folder_on_white(chair, tmp_path):
    job = api.generate("a chair", picture_strength=0.4, folder=tmp_path / "job", **SEEING)
    pixels = read(job.folder)
    assert pixels.dtype == np.uint8 and pixels.shape == (2, 3, 3)
    expected = [[(255, 0, 0), (128, 255, 128), (255, 255, 255)], [(0, 0, 51)] * 3]
    np.testing.assert_allclose(pixels.astype(int), expected, atol=1)
    held = job.folder.read_spec()
    assert held.picture == PictureSpec(picture_digest(3, 2, pixels.tobytes()), 0.4)
    assert held.model.ip_adapter == "/adapters/ip.safetensors"


def test_floats_are_linear_and_large_images_become_smaller(scene, tmp_path):
    half = new_image("Half", np.full((2, 2, 4), (0.5, 0.5, 0.5, 1.0)), floats=True)
    job = api.generate("a chair", folder=tmp_path / "half", **{**SEEING, "picture": half})
    assert abs(int(read(job.folder)[0, 0, 0]) - 188) <= 1
    colours = np.zeros((4, 2 * MOST_SIDE, 4))
    colours[:2, :, 0], colours[2:, :, 1], colours[..., 3] = 1, 1, 1
    new_image("Wide", colours)
    job = api.generate("a chair", folder=tmp_path / "wide", **{**SEEING, "picture": "Wide"})
    pixels = read(job.folder)
    assert pixels.shape == (2, MOST_SIDE, 3) and (pixels[0] == (255, 0, 0)).all() and (pixels[1] == (0, 255, 0)).all()


def test_a_png_is_read_by_its_path(chair, tmp_path):
    chair.filepath_raw, chair.file_format = str(tmp_path / "chair.png"), "PNG"
    chair.save()
    job = api.generate("a chair", folder=tmp_path / "job", **{**SEEING, "picture": tmp_path / "chair.png"})
    assert read(job.folder).shape == (2, 3, 3) and (read(job.folder)[0, 0] == (255, 0, 0)).all()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"picture": "Nothing"}, "unknown_picture"),
        ({"picture": 7}, "unknown_picture"),
        ({"picture": "Empty"}, "unknown_picture"),
        ({"ip_adapter": ""}, "invalid_spec"),
        ({"picture": None}, "invalid_spec"),
        ({"picture_strength": 0.0}, "invalid_spec"),
        ({"overrides": {"picture.reach": 400}}, "invalid_spec"),
    ],
)
def test_what_cannot_be_shown_is_refused_and_leaves_nothing(chair, tmp_path, changes, code):
    empty = bpy.data.images.new("Empty", 1, 1)
    empty.source, empty.filepath = "FILE", str(tmp_path / "nowhere.png")
    with pytest.raises(SjcError) as caught:
        api.generate("a chair", folder=tmp_path / "job", **{**SEEING, **changes})
    assert caught.value.code == code and not (tmp_path / "job").exists()


def test_a_picture_goes_along_with_more_steps_and_an_edit_but_not_to_another_model(chair, tmp_path):
    job = api.generate("a chair", folder=tmp_path / "job", wait=True, **SEEING)
    write_checkpoint(job.folder)
    more = api.continue_job(job, 5, wait=True)
    edited = api.edit(job, "a table", folder=tmp_path / "edit")
    for one in (more, edited):
        assert (one.spec.picture, one.spec.model.ip_adapter) == (job.spec.picture, job.spec.model.ip_adapter)
        assert one.folder.picture.read_bytes() == job.folder.picture.read_bytes()
    other = api.edit(job, "a table", model="other/model", folder=tmp_path / "other")
    assert (other.spec.picture, other.spec.model.ip_adapter) == (None, "")
    assert not other.folder.picture.exists() and job_edit.WITHOUT_PICTURE in other.warnings
    own = {"model.ip_adapter": "/adapters/other.safetensors"}
    kept = api.edit(job, "a table", model="other/model", overrides=own, folder=tmp_path / "kept")
    assert kept.spec.picture == job.spec.picture and kept.folder.picture.exists() and not kept.warnings


def test_rows_have_pictures_of_their_own_and_faults_in_their_columns(chair, tmp_path):
    new_image("Mug", np.full((2, 2, 4), 1.0))
    rows = [{"prompt": "a"}, {"prompt": "b", "picture": "Mug", "picture_strength": 0.25}]
    batch = api.batch(rows, start=False, folder=tmp_path / "batch", **SEEING)
    first, second = (entry.planned.spec for entry in batch.entries)
    assert (first.picture.strength, second.picture.strength) == (0.6, 0.25)
    assert first.picture.digest != second.picture.digest
    for row, column in (
        ({"picture": "Nothing"}, "picture"),
        ({"picture_strength": 3}, "picture_strength"),
        ({"edit": str(tmp_path / "gone"), "picture": "Mug"}, "picture"),
    ):
        with pytest.raises(SjcError, match=f"row 1, column {column}"):
            api.batch([{"prompt": "a", **row}], start=False, **SEEING)


def test_without_an_adapter_it_is_explained(chair, tmp_path):
    with pytest.raises(InvalidSpec, match=r"model\.ip_adapter.*an IP-Adapter"):
        api.generate("a chair", folder=tmp_path / "job", **{**SEEING, "ip_adapter": ""})
