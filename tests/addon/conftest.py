"""What the add-on's tests share: an empty scene for each."""

import os
from pathlib import Path

import bpy
import numpy as np
import pytest

from sjc_blender.addon import clock
from sjc_blender.addon.jobs import known_jobs
from sjc_blender.addon.process.child_owner import end_children
from sjc_blender.addon.process_keeper import PROCESSES
from sjc_blender.addon.ui.shared import background_mode
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.model_families import BUILTIN
from sjc_blender.protocol.spec import JobSpec


@pytest.fixture(autouse=True)
def users_jobs(tmp_path, monkeypatch):
    """Keep the index of jobs out of the home of whoever runs the tests; give its path."""
    path = tmp_path / "user" / "index.json"
    monkeypatch.setattr(known_jobs, "index_path", lambda: path)
    for name, value in (("records", []), ("_scan", None), ("_stale", False)):
        monkeypatch.setattr(known_jobs, name, value)
    return path


@pytest.fixture(autouse=True)
def users_engine(tmp_path, monkeypatch):
    """Keep the engine's environment out of the home of whoever runs the tests; give the folder that is to hold it."""
    home = tmp_path / "Nutzerdaten ü"
    for variable in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(home))
    return home


@pytest.fixture(autouse=True)
def new_session(users_engine):
    """Let each test begin as Blender does, without jobs, downloads, checks or a known engine; end what it leaves."""
    for owner in PROCESSES.owners:
        owner.__init__()
    yield
    end_children([owner for owner in PROCESSES.owners if owner.at_work], 0.0)
    clock.stop()


@pytest.fixture
def scene():
    """Give the one scene of an empty, unsaved file."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


@pytest.fixture
def as_in_a_window(monkeypatch):
    """Let operators return at once, as they do where timers move their jobs on."""
    monkeypatch.setattr(background_mode, "waits", lambda: False)


@pytest.fixture(scope="module")
def engine_python():
    """Give the engine's Python, of the environment that CI has."""
    path = os.environ.get("SJC_ENGINE_PYTHON", "")
    missing = not (path and Path(path).exists() and (BUILTIN / "model_index.json").exists())
    if missing and os.environ.get("CI") != "true":
        pytest.skip("needs the engine's environment (make setup) in SJC_ENGINE_PYTHON; CI has it")
    assert not missing, "SJC_ENGINE_PYTHON must name the engine's Python"
    return path


@pytest.fixture
def finished_job(tmp_path):
    """Give a function that lays down the folder of a finished job, as the engine leaves it."""

    def make(spec=None, *, name="job1", field=None, mesh=None):
        folder = JobFolder.create(tmp_path / name, spec or JobSpec("a red chair", seed=7, preset="draft"))
        for file, arrays in (("field.npz", field), ("mesh.npz", mesh)):
            if arrays is not None:
                np.savez(folder.result / file, **arrays)
        folder.metrics.write_text("{}\n")
        return folder

    return make


@pytest.fixture
def small_field():
    """Give the arrays of a field of 4 x 3 x 2 voxels, different in each of them."""
    density = np.arange(24, dtype=np.float32).reshape(4, 3, 2)
    rgb = np.linspace(0, 1, 72, dtype=np.float32).reshape(4, 3, 2, 3)
    half_extents = np.array([1.0, 0.75, 0.5])
    return {
        "density": density,
        "rgb": rgb,
        "half_extents": half_extents,
        "voxel_size": np.float64(0.5),
        "matrix_world": np.eye(4),
        "version": np.int64(1),
    }
