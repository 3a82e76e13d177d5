"""``--command sjc batch``: a file of prompts into a saved scene, and on from where it was."""

import json
import os
import signal
import subprocess
import threading
from pathlib import Path

import bpy
import pytest

from sjc_blender.addon import api
from sjc_blender.addon.commands.command_line import main
from sjc_blender.addon.commands.outcome import EXIT_CANCELLED, EXIT_FAILED, EXIT_OK, EXIT_USAGE
from sjc_blender.protocol.job_folder import JobFolder
from tests.addon.jobs.processes import until


@pytest.fixture(autouse=True)
def engine(scene, fake_python, monkeypatch, tmp_path):
    """Let the fake engine be the engine, and work in an empty folder."""
    monkeypatch.setenv("SJC_ENGINE_PYTHON", str(fake_python))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Stühle.csv").write_text("prompt,name\na red chair,\nein Stuhl,Stuhl\n", encoding="utf-8")


def batch(*options, way="success", file="Stühle.csv", outputs="volume") -> int:
    chosen = ["--model", "some/model", "--negative-prompt", way, "--outputs", outputs]
    return main(["batch", file, *chosen, *options])


def outcome(capfd):
    out, err = capfd.readouterr()
    return json.loads(out.splitlines()[-1]), err


def test_from_a_file_to_a_saved_scene_and_nothing_the_second_time(tmp_path, capfd):
    options = ["--seeds", "1,2", "--save", "out.blend", "--json"]
    assert batch(*options) == EXIT_OK
    told, err = outcome(capfd)
    assert [job["row"] for job in told["jobs"]] == [2, 2, 3, 3]
    assert {job["state"] for job in told["jobs"]} == {"done"}
    assert "[4/4] Stuhl" in err and "step 20/20" in err
    assert Path(told["jobs"][0]["folder"]).parent == tmp_path / "sjc_jobs" / "stühle"

    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out.blend"))
    names = [name for job in told["jobs"] for name in job["objects"]]
    assert len(names) == 4 and all(bpy.data.objects[name].asset_data for name in names)
    assert all(volume.filepath.startswith("//") for volume in bpy.data.volumes)

    bpy.ops.wm.read_factory_settings(use_empty=True)
    assert batch(*options) == EXIT_OK
    told, err = outcome(capfd)
    assert "nothing to do, all 4 objects are made and in the scene" in told["said"]
    assert "goes on in it" in err and len(api.jobs()) == 4 and len(bpy.data.objects) == 4


def test_what_somebody_did_to_the_saved_scene_stays(tmp_path, capfd):
    assert batch("--save", "out.blend") == EXIT_OK
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("Mine", None))
    bpy.data.objects.remove(bpy.data.objects["a red chair seed 0"])
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    assert batch("--save", "out.blend") == EXIT_OK
    assert "1 imported from its folder" in capfd.readouterr().err
    assert {"Mine", "a red chair seed 0", "Stuhl"} == set(bpy.data.objects.keys())


def test_faults_are_listed_and_nothing_is_written(tmp_path, capfd):
    (tmp_path / "bad.jsonl").write_text('{"prompt": "a duck", "seed": -1}\n{"preset": "hasty"}\n')
    assert batch("--save", "out.blend", "--json", file="bad.jsonl") == EXIT_USAGE
    told, err = outcome(capfd)
    assert [(fault["row"], fault["column"]) for fault in told["faults"]] == [(1, "seed"), (2, "prompt"), (2, "preset")]
    assert "row 2, column preset: 'hasty'; allowed: one of draft, standard, high, paper" in err
    assert not (tmp_path / "out.blend").exists() and not api.jobs()


def test_check_starts_nothing(capfd):
    assert batch("--check") == EXIT_OK
    assert "2 jobs, no faults" in capfd.readouterr().out
    assert not api.jobs()


@pytest.mark.parametrize(
    "options, said", [([], "--save"), (["--seeds", "one", "--check"], "whole numbers"), (["--place", "pile"], "grid")]
)
def test_bad_usage(options, said, capfd):
    assert batch(*options) == EXIT_USAGE
    assert said in capfd.readouterr().err


def test_a_file_that_there_is_not(capfd):
    assert batch("--check", file="nothing.csv") == EXIT_USAGE
    assert "nothing.csv does not exist" in capfd.readouterr().err


def test_a_text_block_of_the_scene(capfd):
    bpy.data.texts.new("ducks").write("a duck\n")
    assert batch("--save", "out.blend", file="ducks") == EXIT_OK
    assert "a duck seed 0" in bpy.data.objects


def test_one_that_fails_does_not_stop_the_others(tmp_path, capfd):
    (tmp_path / "mixed.csv").write_text("prompt,negative_prompt\na duck,error\na cup,\n")
    assert batch("--save", "out.blend", "--json", file="mixed.csv") == EXIT_FAILED
    told, err = outcome(capfd)
    assert [job["state"] for job in told["jobs"]] == ["failed", "done"]
    assert told["jobs"][0]["error"]["code"] == "unknown_model"
    assert "Error: There is no such model." in err


def test_ctrl_c_keeps_what_is_done(tmp_path, capfd):
    (tmp_path / "long.csv").write_text("prompt,negative_prompt\na duck,\na cup,patient\na car,patient\n")

    def press():
        until(lambda: len(api.QUEUE.jobs) == 3 and api.QUEUE.jobs[1].progress, seconds=10)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    assert batch("--save", "out.blend", "--json", file="long.csv") == EXIT_CANCELLED
    thread.join()
    told, _ = outcome(capfd)
    assert [job["state"] for job in told["jobs"]] == ["done", "cancelled", "cancelled"]
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out.blend"))
    assert "a duck seed 0" in bpy.data.objects


def test_jobs_are_prepared_without_an_engine_run_elsewhere_and_imported(tmp_path, capfd, monkeypatch, fake_python):
    monkeypatch.setenv("SJC_ENGINE_PYTHON", str(tmp_path / "no python here"))
    assert batch("--prepare", "--out", "jobs", "--json") == EXIT_OK
    told, _ = outcome(capfd)
    assert len(told["folders"]) == 2 and not api.jobs()
    for folder in told["folders"]:
        assert JobFolder(Path(folder)).read_spec().cameras.kind == "orbit"
        with subprocess.Popen([fake_python, "engine", "run", folder], stdin=subprocess.PIPE) as engine:
            engine.wait(30)
    assert batch("--save", "out.blend", "--out", "jobs") == EXIT_OK, "what is made needs no engine"
    assert "2 imported from their folders" in capfd.readouterr().err
    assert batch("--prepare", "--out", "jobs", "--json") == EXIT_OK
    assert outcome(capfd)[0]["folders"] == []


def test_status_says_which_rows_are_left_and_starts_nothing(tmp_path, capfd):
    options = ["--save", "out.blend", "--json"]
    assert batch("--status", *options) == EXIT_OK
    told, _ = outcome(capfd)
    assert told["left"] == [2, 3] and {job["state"] for job in told["jobs"]} == {"missing"}
    assert not (tmp_path / "out.blend").exists() and not api.jobs() and not (tmp_path / "sjc_jobs").exists()
    assert batch(*options) == EXIT_OK
    bpy.data.objects.remove(bpy.data.objects["Stuhl"])
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    ran, saved = len(api.jobs()), (tmp_path / "out.blend").read_bytes()
    capfd.readouterr()
    assert batch("--status", *options) == EXIT_OK
    told, _ = outcome(capfd)
    assert told["left"] == [3]
    assert [job["state"] for job in told["jobs"]] == ["done", "not in the scene"]
    assert len(api.jobs()) == ran and (tmp_path / "out.blend").read_bytes() == saved


def test_progress_as_json_lines_says_of_which_row(tmp_path, capfd):
    (tmp_path / "mixed.csv").write_text("prompt,negative_prompt\na duck,error\na cup,\n")
    assert batch("--save", "out.blend", "--progress", "json", file="mixed.csv") == EXIT_FAILED
    told = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    assert [(line["number"], line["count"], line["row"]) for line in told if line["event"] == "job"] == [
        (1, 2, 2),
        (2, 2, 3),
    ]
    assert [(line["row"], line["state"]) for line in told if line["event"] == "ended"] == [(2, "failed"), (3, "done")]
    assert {line["row"] for line in told if line["event"] == "progress"} == {3}
    assert told[0]["event"] == "batch" and told[0]["jobs"] == 2


def test_faults_have_plain_values(tmp_path, capfd):
    (tmp_path / "bad.jsonl").write_text('{"prompt": "a duck", "seed": -1}\n{"prompt": "a cup", "preset": "hasty"}\n')
    assert batch("--check", "--json", file="bad.jsonl") == EXIT_USAGE
    told, _ = outcome(capfd)
    assert [fault["value"] for fault in told["faults"]] == [-1, "hasty"]
    assert told["error"]["faults"] == told["faults"] and all(fault["allowed"] for fault in told["faults"])
