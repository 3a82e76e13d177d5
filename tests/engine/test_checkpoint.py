"""Checkpoints: what is refused, and that the old one survives a failed write."""

import dataclasses
import errno
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from sjc_blender.engine import checkpoint
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.spec import JobSpec, OutputSpec

TENSORS = {"field.density": torch.arange(24.0).reshape(2, 3, 4), "random": torch.tensor([1, 2, 255], dtype=torch.uint8)}


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    checkpoint.save(path, JobSpec("a chair"), 7, TENSORS)
    return path


def refusal(path, spec=None):
    with pytest.raises(SjcError) as error:
        checkpoint.load(path, spec or JobSpec("a chair"))
    assert str(path) in error.value.message
    assert error.value.hint
    return error.value.code


def test_it_comes_back_as_it_was(saved):
    step, tensors = checkpoint.load(saved, JobSpec("a chair"))
    assert step == 7
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_the_same_state_gives_the_same_bytes(saved):
    # 20 times: of two entries of metadata, each order would come half of the time.
    first = saved.read_bytes()
    for _ in range(20):
        checkpoint.save(saved, JobSpec("a chair"), 7, TENSORS)
        assert saved.read_bytes() == first


def test_a_cut_off_file_is_refused(saved):
    saved.write_bytes(saved.read_bytes()[:-5])
    assert refusal(saved) == "checkpoint_corrupt"


@pytest.mark.skipif(os.name != "posix", reason="makes a file with holes")
def test_a_file_larger_than_any_of_its_grid_is_refused_before_it_is_read(saved):
    """Its digest would take hours; the disk holds a few bytes of it."""
    spec = JobSpec("a chair")
    size = checkpoint.LARGEST_REST + checkpoint.LARGEST_VOXEL * spec.field.resolution**3 + 1
    with saved.open("r+b") as file:
        told = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        held = {"huge": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
        header = json.dumps({"__metadata__": told["__metadata__"]} | held).encode()
        file.seek(0)
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + size)
    with pytest.raises(SjcError, match="has up to") as caught:
        checkpoint.load(saved, spec)
    assert caught.value.code == "checkpoint_corrupt"


def test_the_largest_checkpoint_of_a_grid_is_within_its_limit():
    channels, moments = 16, 3
    assert 4 * moments * (1 + channels) <= checkpoint.LARGEST_VOXEL


def test_a_flipped_bit_is_refused(saved):
    data = bytearray(saved.read_bytes())
    data[-9] ^= 1
    saved.write_bytes(data)
    assert refusal(saved) == "checkpoint_corrupt"


def test_another_jobs_checkpoint_is_refused_but_other_outputs_are_fine(saved):
    assert refusal(saved, JobSpec("a mug")) == "checkpoint_of_other_job"
    checkpoint.load(saved, dataclasses.replace(JobSpec("a chair"), outputs=OutputSpec(mesh=False)))


def test_another_releases_checkpoint_is_refused(saved, monkeypatch):
    monkeypatch.setattr(checkpoint, "FORMAT", "0")
    assert refusal(saved) == "checkpoint_old"


def test_a_full_disk_leaves_the_old_checkpoint(saved, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(SjcError) as error:
        checkpoint.save(saved, JobSpec("a chair"), 8, TENSORS)
    assert error.value.code == "disk_full"
    assert checkpoint.load(saved, JobSpec("a chair"))[0] == 7


def test_the_libraries_own_error_for_a_full_disk_is_told_as_such(saved, monkeypatch):
    def full(*_):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(SjcError) as error:
        checkpoint.save(saved, JobSpec("a chair"), 8, TENSORS)
    assert error.value.code == "disk_full"
    assert checkpoint.load(saved, JobSpec("a chair"))[0] == 7


@pytest.mark.parametrize("step", [None, "3", -1, 1.5, [], True, 10**400, float("inf")])
def test_a_step_that_is_none_is_refused(saved, step):
    with safe_open(saved, framework="pt") as file:
        about = json.loads(file.metadata()["checkpoint"])
        held = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    save_file(held, saved, {"checkpoint": json.dumps(about | {"step": step})})
    assert refusal(saved) == "checkpoint_corrupt"
    del about["step"]
    save_file(held, saved, {"checkpoint": json.dumps(about)})
    assert refusal(saved) == "checkpoint_corrupt"
