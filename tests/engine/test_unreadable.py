"""What may not be read is told by name: models, pictures, views and jobs of other users."""

import os
import shutil
from pathlib import Path

import pytest

from sjc_blender.engine.fitting.transforms_file import read_transforms
from sjc_blender.engine.pictures.finished_job import read_grid
from sjc_blender.engine.score_models.model_source import locate_model
from sjc_blender.engine.score_models.pipeline_folder import examine_folder
from sjc_blender.protocol import presets
from sjc_blender.protocol.component_classes import UNET
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.model_families import BUILTIN, family_of, local_model
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.outside_file import UnusableFile, read_outside
from sjc_blender.protocol.reference_views import read_reference_views
from tests.unreadable import unreadable

pytestmark = pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
ALLOWED = (SjcError, UnusableFile)


@pytest.fixture
def place(tmp_path):
    """A model, a job, a set of pictures and views."""
    shutil.copytree(BUILTIN, tmp_path / "model")
    JobFolder.create(tmp_path / "job", presets.new_job("a red chair", preset="draft"))
    (tmp_path / "set").mkdir()
    for name in ("transforms.json", "reference_views.json"):
        (tmp_path / "set" / name).write_text("{}")
    return tmp_path


def uses(place: Path):
    model, job, pictures = place / "model", JobFolder(place / "job"), place / "set"
    return {
        "family": lambda: family_of(model),
        "local": lambda: local_model(str(model)),
        "located": lambda: locate_model(str(model)),
        "profile": lambda: load_profile(str(model)),
        "examined": lambda: examine_folder(model, ("unet",), ("scheduler",), classes={"unet": UNET}),
        "spec": job.read_spec,
        "done": lambda: job.is_done(["volume"]),
        "busy": lambda: job.busy,
        "newest": job.newest_preview,
        "own": job.own_files,
        "grid": lambda: read_grid(job),
        "transforms": lambda: read_transforms(pictures / "transforms.json"),
        "views": lambda: read_reference_views(pictures),
        "file": lambda: read_outside(pictures / "transforms.json", 1000),
    }


@pytest.mark.parametrize(
    "name",
    [
        "model",
        "model/unet",
        "model/unet/config.json",
        "model/model_index.json",
        "model/sjc.json",
        "job",
        "job/job.json",
        "job/result",
        "set",
        "set/transforms.json",
        "set/reference_views.json",
    ],
)
def test_every_reader_gives_a_value_or_a_sentence(place, name):
    told = []
    with unreadable(place / name):
        for use, function in uses(place).items():
            try:
                function()
            except ALLOWED as error:
                told.append(str(error))
            except Exception as error:
                pytest.fail(f"{use}: {error!r}")
    # Broken are the views, and the job has no result, whatever can be read.
    assert len(told) >= 3


def test_a_component_that_may_not_be_listed_is_named(place):
    with unreadable(place / "model" / "unet"), pytest.raises(SjcError, match=r"unet.*Permission denied") as caught:
        examine_folder(place / "model", ("unet",), ())
    assert caught.value.code == "broken_model"


def test_a_configuration_that_may_not_be_read_is_not_called_empty(place):
    config = place / "model" / "unet" / "config.json"
    with unreadable(config), pytest.raises(SjcError, match=r"config\.json.*Permission denied"):
        examine_folder(place / "model", ("unet",), ())
