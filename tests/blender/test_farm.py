"""A real Blender gives a batch to a farm, is closed, and has everything when it is opened again."""

from __future__ import annotations

import json
import sys

import pytest

from benchmarks.farm.local_farm import LocalFarm

PROMPTS = ["a red chair", "a blue duck", "a green house", "an orange bear", "a yellow mug", "a white car"]
BEGIN = """
import bpy
api = bpy.context.window_manager.sjc.api
bpy.ops.wm.save_as_mainfile(filepath="scene.blend")
batch = api.batch({prompts}, seeds="0-1", presets="draft", farm={address!r})
batch.wait(timeout=0.5)
"""
REMOVE = """
import bpy
bpy.data.objects.remove(next(obj for obj in bpy.data.objects if "sjc_job" in obj))
bpy.ops.wm.save_mainfile()
"""


@pytest.fixture
def farm(tmp_path):
    engine = json.dumps([sys.executable, "-u", "-m", "sjc_blender.stand_in", "run"])
    made = LocalFarm(tmp_path / "farm", stub=False, SJC_FARM_ENGINE=engine)
    try:
        made.serve()
        made.join(2)
        yield made
    finally:
        made.close()


def test_a_farm_finishes_what_a_closed_blender_gave_it_and_the_next_one_has_all_of_it(blender, farm):
    folder = blender.work / "farm"
    folder.mkdir()
    options = {"cwd": folder, "engine": sys.executable}
    begin = BEGIN.format(prompts=PROMPTS, address=farm.address)
    done = blender.run("-b", "--python-exit-code", "1", "--python-expr", begin, **options)
    assert done.returncode == 0, done.stdout + done.stderr

    (folder / "prompts.txt").write_text("\n".join(PROMPTS) + "\n")
    batch = ["batch", "prompts.txt", "--seeds", "0-1", "--preset", "draft", "--out", "sjc_jobs/batch"]
    again = [*batch, "--farm", farm.address, "--save", "out.blend", "--json"]

    def run():
        done = blender.run("-b", "scene.blend", "--command", "sjc", *again, **options)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    told = run()
    assert [job["state"] for job in told["jobs"]] == ["done"] * 12
    results = sorted(folder.glob("sjc_jobs/batch/*/result/field.npz"))
    written = [path.stat().st_mtime_ns for path in results]
    assert len(written) == 12
    done = blender.run("-b", "out.blend", "--python-exit-code", "1", "--python-expr", REMOVE, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [job["state"] for job in run()["jobs"]] == ["done"] * 12
    assert written == [path.stat().st_mtime_ns for path in results]
