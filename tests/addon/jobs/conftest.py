"""An engine that needs no torch, and an add-on that is switched on."""

import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

import sjc_blender
from sjc_blender.addon.jobs import job_queue as jobs
from sjc_blender.addon.jobs.job import Job
from sjc_blender.addon.jobs.job_queue import JobQueue
from sjc_blender.protocol import presets
from sjc_blender.protocol.job_folder import JobFolder

FAKE_ENGINE = Path(__file__).with_name("fake_engine.py")
MODEL = "some/model"


@pytest.fixture(scope="session")
def fake_python(tmp_path_factory) -> Path:
    """Give a program that takes an interpreter's arguments and acts as the engine; its path has a space."""
    folder = tmp_path_factory.mktemp("an environment")
    write_result(folder / "result")
    path = folder / "python"
    command = shlex.join([sys.executable, "-I", "-S", str(FAKE_ENGINE), str(folder / "result")])
    path.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    path.chmod(0o755)
    return path


def write_result(folder: Path) -> None:
    """Write a cube and a tetrahedron, as the engine writes a field and a mesh."""
    folder.mkdir()
    density = np.zeros((8, 8, 8), np.float32)
    density[2:6, 2:6, 2:6] = 20.0
    rgb = np.full((8, 8, 8, 3), 0.5, np.float32)
    np.savez(folder / "field.npz", version=1, density=density, rgb=rgb, half_extents=np.ones(3), voxel_size=0.25)
    vertices = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)], np.float32)
    faces = np.array([(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)], np.int32)
    normals = np.array([(-0.6, -0.6, -0.6), (1, 0, 0), (0, 1, 0), (0, 0, 1)], np.float32)
    np.savez(folder / "mesh.npz", vertices=vertices, faces=faces, normals=normals, colours=np.full_like(normals, 0.5))
    (folder / "metrics.json").write_text("{}\n")


@pytest.fixture
def make_job(tmp_path, fake_python):
    """Give a function that makes a job of one of the fake engine's ways."""

    def make(way="success", *, prompt="a chair", name=None, **fields) -> Job:
        spec = presets.new_job(prompt, model=MODEL, negative_prompt=way)
        folder = JobFolder.create(tmp_path / (name or way), spec)
        return Job(folder=folder, spec=spec, **{"interpreter": fake_python} | fields)

    return make


@pytest.fixture
def queue():
    """Give a queue of its own, and end what is left in it."""
    made = JobQueue()
    yield made
    made.shut_down(0.0)


@pytest.fixture
def addon(scene, fake_python, monkeypatch):
    """Switch the add-on on, with the fake engine."""
    monkeypatch.setenv("SJC_ENGINE_PYTHON", str(fake_python))
    sjc_blender.register()
    yield sjc_blender
    for job in jobs.QUEUE.jobs:
        jobs.QUEUE.cancel(job, now=True)
    sjc_blender.unregister()
