"""The add-on comes and goes, and so does Blender; nothing is left behind."""

import os
import subprocess
import sys
from pathlib import Path

import bpy

import sjc_blender
from sjc_blender.addon import clock, registration
from sjc_blender.addon.jobs import lifecycle
from sjc_blender.addon.process_keeper import PROCESSES
from tests.addon.jobs.processes import alive, pid_in, until

REPOSITORY = Path(__file__).resolve().parents[3]

SESSION = """
import sys, time
import bpy
import sjc_blender
from sjc_blender.addon import api
from sjc_blender.addon import clock
from sjc_blender.addon.jobs import pump
from sjc_blender.addon.process_keeper import PROCESSES

sjc_blender.register()
# As in a window; 4.5 would hang at its end while this is registered.
bpy.app.timers.register(clock._tick, persistent=True)
clock._due[PROCESSES._tick] = time.monotonic() + 1e6
job = api.generate("a chair", model="some/model", negative_prompt=sys.argv[1], folder=sys.argv[2])
while job.progress is None and job.phase != "optimising":
    pump.step()
    time.sleep(0.02)
print("ready", flush=True)
if sys.argv[3] == "wait":
    time.sleep(60)
"""


def session(job_folder, fake_python, way: str, then: str) -> subprocess.Popen:
    command = [sys.executable, "-c", SESSION, way, str(job_folder), then]
    user = job_folder.parent / "user"
    user.mkdir(exist_ok=True)
    environ = os.environ | {"PYTHONPATH": str(REPOSITORY), "SJC_ENGINE_PYTHON": str(fake_python)}
    return subprocess.Popen(command, env=environ | {"BLENDER_USER_RESOURCES": str(user)}, stdout=subprocess.PIPE)


def test_the_end_of_blender_is_the_end_of_its_jobs(tmp_path, fake_python):
    blender = session(tmp_path / "job", fake_python, "patient", "end")
    assert blender.wait(timeout=30) == 0
    assert not alive(pid_in(tmp_path / "job" / "engine.pid"))
    assert (tmp_path / "job" / "checkpoint.safetensors").exists()


def test_the_death_of_blender_is_the_end_of_its_jobs(tmp_path, fake_python):
    blender = session(tmp_path / "job", fake_python, "patient", "wait")
    until(lambda: blender.stdout.readline().strip() == b"ready", seconds=30)
    blender.kill()
    blender.wait(timeout=60)
    engine = pid_in(tmp_path / "job" / "engine.pid")
    until(lambda: not alive(engine))
    assert (tmp_path / "job" / "checkpoint.safetensors").exists()


NEXT_SESSION = """
import sjc_blender
from sjc_blender.addon import api

sjc_blender.register()
(offer,) = api.interrupted()
print(f"{offer.subject}: {offer.state}, step {offer.step}", flush=True)
job = api.resume(offer.folder.path, wait=True)
print(job.state, api.interrupted(), flush=True)
"""


def test_a_job_whose_blender_was_killed_is_offered_by_the_next_one_and_ends(tmp_path, fake_python):
    blender = session(tmp_path / "jöb 1", fake_python, "two sessions", "wait")
    until(lambda: blender.stdout.readline().strip() == b"ready", seconds=30)
    blender.kill()
    blender.wait(timeout=60)
    engine = pid_in(tmp_path / "jöb 1" / "engine.pid")
    until(lambda: not alive(engine))
    environ = os.environ | {"PYTHONPATH": str(REPOSITORY), "SJC_ENGINE_PYTHON": str(fake_python)}
    environ["BLENDER_USER_RESOURCES"] = str(tmp_path / "user")
    said = subprocess.run([sys.executable, "-c", NEXT_SESSION], env=environ, capture_output=True, timeout=60, text=True)
    assert said.returncode == 0, said.stderr
    first, last = [line for line in said.stdout.splitlines() if line.startswith(("a chair", "done"))]
    assert first.startswith("a chair: cancelled, step ") and not first.endswith(" 0")
    assert last == "done []"


def handler_names() -> list[str]:
    modules = (handler.__module__ for handler in bpy.app.handlers.load_post)
    return sorted(module for module in modules if module.startswith("sjc_blender"))


def test_the_addon_comes_and_goes_without_a_trace(scene):
    classes = set(dir(bpy.types))
    properties = {cls: set(cls.bl_rna.properties.keys()) for cls in (bpy.types.Scene, bpy.types.WindowManager)}
    for _ in range(2):
        sjc_blender.register()
        assert "sjc_blender.addon.jobs.lifecycle" in handler_names()
        assert {name for name in set(dir(bpy.types)) - classes if name.startswith("SJC_")}
        sjc_blender.unregister()
        assert handler_names() == []
        assert set(dir(bpy.types)) == classes
        assert properties == {cls: set(cls.bl_rna.properties.keys()) for cls in properties}


def test_handlers_outlive_the_loading_of_a_file(scene):
    registration.register(lifecycle)
    before = handler_names()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    assert handler_names() == before
    registration.unregister(lifecycle)


def test_the_timer_runs_only_where_there_is_an_event_loop(scene):
    assert bpy.app.background
    PROCESSES.ensure_running()
    assert not bpy.app.timers.is_registered(clock._tick)
    clock._due[PROCESSES._tick] = 0.0
    bpy.app.timers.register(clock._tick, persistent=True)
    clock.stop()
    clock.stop()
    assert not bpy.app.timers.is_registered(clock._tick)


def test_the_timer_ends_when_there_is_nothing_to_do(scene):
    assert PROCESSES._tick() is None


def test_importing_the_package_imports_no_bpy():
    code = "import sys, sjc_blender; sys.exit('bpy' in sys.modules or 'torch' in sys.modules)"
    environ = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    assert subprocess.run([sys.executable, "-c", code], env=environ, timeout=30).returncode == 0
