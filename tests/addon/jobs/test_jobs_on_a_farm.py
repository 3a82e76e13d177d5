"""Jobs that a farm runs: given by the API and the command line, followed, left and found again."""

import json
import os
import time
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

from benchmarks.farm.local_farm import LocalFarm
from sjc_blender.addon import api, user_preferences
from sjc_blender.addon.commands.command_line import main
from sjc_blender.addon.jobs import farm_jobs, job_queue, lifecycle
from sjc_blender.addon.process.child_owner import end_children
from sjc_blender.addon.process.farm_process import Farm
from sjc_blender.protocol.errors import SjcError

ENGINE = os.environ.get("SJC_ENGINE_PYTHON", "")
pytestmark = [
    pytest.mark.skipif(not ENGINE, reason="SJC_ENGINE_PYTHON names no engine; tests/farm has the farm itself"),
]


@pytest.fixture(scope="module")
def farm(tmp_path_factory):
    """A farm of two workers on this machine, whose engine is the stand-in."""
    engine = json.dumps([ENGINE, "-u", "-m", "sjc_blender.stand_in", "run"])
    made = LocalFarm(tmp_path_factory.mktemp("farm"), stub=False, python=ENGINE, SJC_FARM_ENGINE=engine)
    try:
        made.serve()
        made.join(2)
        yield made
    finally:
        made.close()


@pytest.fixture
def addon(addon):
    yield addon
    end_children([job_queue.QUEUE], 20)
    job_queue.QUEUE.forget_ended()


def test_a_batch_runs_on_a_farm_and_comes_back_placed(addon, farm, tmp_path):
    options = {"seeds": "0-1", "presets": "draft", "folder": tmp_path / "jobs", "outputs": ("volume",), "tell": None}
    batch = api.batch(["a red chair", "a blue duck"], farm=farm.address, engine_python=ENGINE, wait=True, **options)
    assert set(batch.states.values()) == {"done"}, batch.errors
    objects = batch.results()
    assert len({tuple(obj.location) for obj in objects}) == len(objects) == 4
    bpy.data.objects.remove(objects[0])
    written = [path.stat().st_mtime_ns for path in sorted(tmp_path.glob("jobs/*/result/field.npz"))]
    again = api.batch(["a red chair", "a blue duck"], farm=farm.address, engine_python=ENGINE, wait=True, **options)
    assert len(again.results()) == 4
    assert written == [path.stat().st_mtime_ns for path in sorted(tmp_path.glob("jobs/*/result/field.npz"))]


def test_a_farm_goes_on_when_blender_ends_and_its_job_is_followed_again(addon, farm, tmp_path):
    job = api.generate("a red chair", preset="draft", folder=tmp_path / "job", farm=farm.address, engine_python=ENGINE)
    end = time.monotonic() + 120
    while job.phase in ("", farm_jobs.AT_THE_FARM) and job.live and time.monotonic() < end:
        api.process_events()
        time.sleep(0.02)
    end_children([lifecycle.QUEUE], 20)
    assert not lifecycle.QUEUE._farm_jobs.live and not job.folder.has(job.folder.path / "cancelled")
    job_queue.QUEUE._jobs.clear()  # as a new Blender begins
    followed = api.resume(tmp_path / "job", farm=farm.address, engine_python=ENGINE, wait=True)
    assert followed.state == "done", followed.error
    assert followed.imported


def test_a_job_of_a_farm_is_cancelled_and_not_paused(addon, farm, tmp_path):
    job = api.generate(
        "a red chair", preset="draft", folder=tmp_path / "job", farm=Farm(farm.address), engine_python=ENGINE,
        overrides={"optimisation": {"steps": 100_000}},
    )  # fmt: skip
    with pytest.raises(SjcError, match="cannot pause jobs"):
        api.pause(job)
    api.process_events()
    api.cancel(job)
    api.wait(job, timeout=120)
    assert job.state in ("cancelled", "done")


def test_no_scheduler_and_no_address_are_told(addon, tmp_path):
    job = api.generate(
        "a red chair", preset="draft", folder=tmp_path / "job", farm="127.0.0.1:9", engine_python=ENGINE, wait=True
    )
    assert job.state == "failed" and job.error.code in ("farm_no_scheduler", "farm_lost")
    assert "127.0.0.1:9" in job.error.message
    with pytest.raises(SjcError, match="is not the address of a farm"):
        api.generate("a red chair", farm="tcp://x; rm", engine_python=ENGINE, folder=tmp_path / "none")
    assert not Path(tmp_path / "none").exists()


def test_the_command_line_gives_a_batch_to_a_farm(addon, farm, tmp_path, capsys):
    table = tmp_path / "list.txt"
    table.write_text("a red chair\na blue duck\n")
    options = ["--save", str(tmp_path / "out.blend"), "--out", str(tmp_path / "jobs"), "--preset", "draft", "--json"]
    code = main(["batch", str(table), *options, "--farm", farm.address, "--engine-python", ENGINE])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert code == 0 and [job["state"] for job in told["jobs"]] == ["done", "done"]


def test_the_panel_runs_its_jobs_where_run_on_says(addon, monkeypatch, tmp_path):
    settings = bpy.context.scene.sjc
    assert settings.farm is None
    settings.run_on = "FARM"
    with pytest.raises(SjcError, match="the add-on's preferences name none"):
        _ = settings.farm
    preferences = SimpleNamespace(farm=" server:8786 ", farm_keys="", farm_shared=False)
    addons = {user_preferences.base_package: SimpleNamespace(preferences=preferences)}
    stand_in = SimpleNamespace(context=SimpleNamespace(preferences=SimpleNamespace(addons=addons)), path=bpy.path)
    monkeypatch.setattr(user_preferences, "bpy", stand_in)
    assert settings.farm == Farm("server:8786", None, shared=False)
