"""An engine that needs no torch, and an add-on that is switched on."""

from pathlib import Path

import pytest

import sjc_blender
from sjc_blender.addon.jobs import job_queue as jobs
from sjc_blender.addon.jobs.job import Job
from sjc_blender.addon.jobs.job_queue import JobQueue
from sjc_blender.addon.process.child_owner import end_children
from sjc_blender.protocol import presets
from sjc_blender.protocol.job_folder import JobFolder
from tests.addon.jobs.fake_python import write_fake_python

MODEL = "some/model"


@pytest.fixture(scope="session")
def fake_python(tmp_path_factory) -> Path:
    """Give a program that takes an interpreter's arguments and acts as the engine; its path has a space."""
    return write_fake_python(tmp_path_factory.mktemp("an environment"))


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
    end_children([made], 0.0)


@pytest.fixture
def addon(scene, fake_python, monkeypatch):
    """Switch the add-on on, with the fake engine."""
    monkeypatch.setenv("SJC_ENGINE_PYTHON", str(fake_python))
    sjc_blender.register()
    yield sjc_blender
    for job in jobs.QUEUE.jobs:
        jobs.QUEUE.cancel(job, now=True)
    sjc_blender.unregister()
