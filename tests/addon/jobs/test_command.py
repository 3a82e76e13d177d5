"""``blender --command sjc``: the same API from a terminal, with exit codes that programs can use."""

import json
import math
import os
import signal
import threading
from pathlib import Path

import bpy
import pytest

from sjc_blender.addon.commands.command_line import main
from sjc_blender.addon.commands.opened_file import named_file
from sjc_blender.addon.commands.outcome import EXIT_CANCELLED, EXIT_FAILED, EXIT_OK, EXIT_USAGE, Outcome
from sjc_blender.addon.jobs import job_queue as jobs
from sjc_blender.addon.jobs.job import Job, JobState
from sjc_blender.addon.jobs.progress_lines import ProgressLines
from sjc_blender.protocol import events
from sjc_blender.protocol.amounts import duration
from tests.addon.jobs.processes import until


@pytest.fixture(autouse=True)
def engine(scene, fake_python, monkeypatch, tmp_path):
    """Let the fake engine be the engine, and work in an empty folder."""
    monkeypatch.setenv("SJC_ENGINE_PYTHON", str(fake_python))
    monkeypatch.chdir(tmp_path)


def generate(*options, way="success") -> int:
    settings = ["--prompt", "ein grüner Stuhl", "--model", "some/model", "--negative-prompt", way]
    return main(["generate", *settings, *options])


@pytest.mark.parametrize("ending", ["stl", "vdb", "usdc"])
def test_a_result_becomes_a_file_by_its_jobs_folder_or_by_its_name(tmp_path, capfd, ending):
    assert generate("--import", "volume,mesh", "--out", "job", "--save", "out.blend") == EXIT_OK
    name = next(obj.name for obj in bpy.data.objects if obj.type == ("VOLUME" if ending == "vdb" else "MESH"))
    files = []
    for source in ("job", name):
        capfd.readouterr()
        assert main(["export", source, f"{len(files)}/chair.{ending}", "--json"]) == EXIT_OK
        files.append(Path(json.loads(capfd.readouterr().out.splitlines()[-1])["file"]))
    assert files == [tmp_path / f"{number}/chair.{ending}" for number in (0, 1)]
    assert all(path.stat().st_size for path in files)
    assert main(["export", "no such thing", "chair.stl"]) == EXIT_FAILED
    assert "no such thing" in capfd.readouterr().err


def test_from_a_prompt_to_a_saved_scene(tmp_path, capfd):
    assert generate("--import", "volume,mesh", "--save", "a scene/out.blend") == EXIT_FAILED
    assert "could not be written" in capfd.readouterr().err
    (tmp_path / "a scene").mkdir()
    assert generate("--import", "volume,mesh", "--save", "a scene/out.blend", "--json") == EXIT_OK
    out, err = capfd.readouterr()
    outcome = json.loads(out.splitlines()[-1])
    assert outcome["state"] == "done"
    assert Path(outcome["folder"]).parent == tmp_path / "a scene" / "sjc_jobs"
    assert "step 20/20" in err and "Optimising" in err

    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a scene" / "out.blend"))
    assert {bpy.data.objects[name].type for name in outcome["imported"]} == {"VOLUME", "MESH"}
    (volume,) = bpy.data.volumes
    assert volume.filepath.startswith("//")
    assert Path(bpy.path.abspath(volume.filepath)).is_file()


def test_the_opened_file_is_what_is_saved_elsewhere(tmp_path):
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("Mine", None))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert generate("--import", "mesh", "--save", "out.blend") == EXIT_OK
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out.blend"))
    assert len(bpy.data.objects) == 2 and "Mine" in bpy.data.objects
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert len(bpy.data.objects) == 1


def test_settings_arrive(tmp_path):
    options = ["--preset", "draft", "--seed", "3", "--steps", "12", "--out", "job", "--set", "model.device=cpu"]
    assert generate(*options, "--set", "optimisation.guidance_scale=5") == EXIT_OK
    spec = json.loads((tmp_path / "job" / "job.json").read_text())
    assert (spec["preset"], spec["seed"], spec["model"]["device"]) == ("draft", 3, "cpu")
    assert (spec["optimisation"]["steps"], spec["optimisation"]["guidance_scale"]) == (12, 5.0)
    assert not bpy.data.objects


def test_a_finished_job_is_imported(tmp_path, capfd):
    assert generate("--out", "job") == EXIT_OK
    assert main(["import", "job", "--import", "mesh", "--save", "out.blend"]) == EXIT_OK
    assert "imported: ein grüner Stuhl" in capfd.readouterr().out
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out.blend"))
    assert [obj.type for obj in bpy.data.objects] == ["MESH"]


@pytest.mark.parametrize(("options", "seen"), [([], "MESH"), (["--show", "volume"], "VOLUME")])
def test_of_mesh_and_volume_one_is_visible_and_rendered(tmp_path, options, seen):
    assert generate("--out", "job", "--save", "out.blend", *options) == EXIT_OK
    assert main(["import", "job", "--save", "again.blend", *options]) == EXIT_OK
    for name in ("out.blend", "again.blend"):
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / name))
        kinds = {obj.type for obj in bpy.data.objects if obj.type in ("MESH", "VOLUME")}
        shown = {obj.type for obj in bpy.data.objects if obj.type in kinds and not obj.hide_render}
        assert kinds == {"MESH", "VOLUME"} and shown == {seen}, name


@pytest.mark.parametrize(
    "options, said",
    [
        (["--sede", "3"], "--sede"),
        (["--seed", "three"], "invalid int value"),
        (["--seed", "-1"], "seed is -1"),
        (["--set", "steps"], "FIELD=VALUE"),
        (["--set", "optimisation.stepz=3"], "optimisation.stepz"),
        (["--rig", "Nobody"], "no collection 'Nobody'"),
        (["--domain", "Nobody"], "no object 'Nobody'"),
        (["--preset", "hasty"], "draft, standard, high, paper"),
        (["--import", "statue"], "volume and mesh"),
        (["--import", "mesh"], "--save"),
        (["--save", "out.txt"], ".blend"),
    ],
)
def test_bad_usage_is_said_and_has_its_exit_code(options, said, capfd, tmp_path):
    assert generate("--out", "job", *options) == EXIT_USAGE
    assert said in capfd.readouterr().err
    assert not (tmp_path / "job").exists()


def test_a_command_is_needed(capfd):
    assert main([]) == EXIT_USAGE


@pytest.mark.parametrize("arguments", [["--help"], ["generate", "--help"]])
def test_help_has_examples(arguments, capfd):
    assert main(arguments) == EXIT_OK
    assert "--command sjc generate --prompt" in capfd.readouterr().out


def test_a_job_that_fails_says_why(capfd):
    assert generate("--out", "job", "--json", way="error") == EXIT_FAILED
    out, err = capfd.readouterr()
    assert "Error: There is no such model. Choose another." in err
    outcome = json.loads(out.splitlines()[-1])
    assert outcome["state"] == "failed" and outcome["error"]["code"] == "unknown_model"


def test_no_interpreter_is_no_bad_usage(capfd):
    assert generate("--engine-python", "/no/python") == EXIT_FAILED
    assert "/no/python does not exist" in capfd.readouterr().err


def test_importing_from_an_empty_folder_fails_in_words(capfd, tmp_path):
    assert main(["import", str(tmp_path), "--save", "out.blend"]) == EXIT_FAILED
    assert "holds no job" in capfd.readouterr().err


def interrupt_when_running(times: int) -> threading.Thread:
    def press():
        until(lambda: any(job.progress or job.phase == "optimising" for job in jobs.QUEUE.jobs))
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
            until(lambda: any(job.state == JobState.CANCELLING or not job.live for job in jobs.QUEUE.jobs))

    thread = threading.Thread(target=press)
    thread.start()
    return thread


def test_ctrl_c_cancels_softly(capfd, tmp_path):
    thread = interrupt_when_running(1)
    assert generate("--out", "job", way="patient") == EXIT_CANCELLED
    thread.join()
    assert (tmp_path / "job" / "checkpoint.safetensors").exists()
    assert "--out" in capfd.readouterr().err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_does_not_wait_for_the_engine():
    thread = interrupt_when_running(2)
    assert generate("--out", "job", way="deaf") == EXIT_CANCELLED
    thread.join()


class Log:
    """A text stream that remembers."""

    def __init__(self, terminal: bool) -> None:
        self.text = ""
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


def told(job: Job, log: Log, steps: int) -> str:
    progress = ProgressLines(log)
    job.state = JobState.RUNNING
    for step in range(1, steps + 1):
        job.progress = events.Progress(step, steps, 2.5, (steps - step) / 2.5)
        progress(job)
    progress.close()
    return log.text


def test_a_log_gets_a_line_every_five_percent(make_job):
    lines = told(make_job(), Log(terminal=False), 1000).splitlines()
    assert len(lines) == 21
    assert lines[10].split() == ["step", "500/1000", "50%", "2.5", "steps/s", "3:20", "left"]


def test_a_terminal_gets_one_line_that_changes(make_job):
    text = told(make_job(), Log(terminal=True), 100)
    assert text.count("\r") == 100 and text.count("\n") == 1


def test_durations():
    assert [duration(seconds) for seconds in (0, 59.2, 61, 3723)] == ["0:00", "1:00", "1:01", "1:02:03"]


# ---- For programs -------------------------------------------------------------------------------------------------


def outcome_of(capfd) -> dict:
    return json.loads(capfd.readouterr().out.splitlines()[-1])


def json_lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("form", [["--json-file", "out.json"], ["--json-file=out.json"]])
def test_the_outcome_comes_in_a_file_too_also_of_wrong_usage(form, capfd, tmp_path):
    assert generate("--out", "job", *form) == EXIT_OK
    assert json.loads((tmp_path / "out.json").read_text())["state"] == "done"
    assert "folder:" in capfd.readouterr().out, "a person is told as ever"
    assert generate("--sede", "3", *form) == EXIT_USAGE
    told = json.loads((tmp_path / "out.json").read_text())
    assert told["state"] == "failed" and told["error"]["code"] == "bad_usage" and "--sede" in told["error"]["message"]


def test_an_outcome_that_cannot_be_written_is_told_and_is_no_success(capfd):
    assert generate("--out", "job", "--json", "--json-file", "nowhere/out.json") == EXIT_FAILED
    out, err = capfd.readouterr()
    assert "nowhere" in err and json.loads(out.splitlines()[-1])["error"]["code"] == "folder_not_writable"


@pytest.mark.parametrize("words", [["--json"], ["generat", "--json"], ["generate", "--seed", "three", "--json"]])
def test_wrong_usage_is_told_in_json(words, capfd):
    assert main(words) == EXIT_USAGE
    out, err = capfd.readouterr()
    assert json.loads(out.splitlines()[-1])["error"]["code"] == "bad_usage"
    assert "usage:" in err and "Error:" in err


def test_faults_are_told_with_plain_values_and_what_is_allowed(capfd):
    assert generate("--set", "optimisation.steps=0", "--set", "field.resolution=-3", "--json") == EXIT_USAGE
    faults = {fault["field"]: fault for fault in outcome_of(capfd)["error"]["faults"]}
    assert faults["optimisation.steps"]["value"] == 0 and faults["field.resolution"]["value"] == -3
    assert all(fault["allowed"] for fault in faults.values())


def test_progress_is_told_as_json_lines(capfd):
    assert generate("--out", "job", "--progress", "json") == EXIT_OK
    told = json_lines(capfd.readouterr().err)
    assert [line["name"] for line in told if line["event"] == "phase"][-1] == "optimising"
    steps = [line for line in told if line["event"] == "progress"]
    assert steps[-1]["step"] == steps[-1]["total"] == 20
    assert told[-1]["event"] == "ended" and told[-1]["state"] == "done"


def test_a_failure_is_among_the_json_lines(capfd):
    assert generate("--out", "job", "--progress", "json", way="error") == EXIT_FAILED
    (ended,) = [line for line in json_lines(capfd.readouterr().err) if line["event"] == "ended"]
    assert (ended["state"], ended["error"]["code"]) == ("failed", "unknown_model")


def test_numbers_that_json_does_not_have_are_none():
    text = Outcome("done", {"metrics": {"psnr": math.inf, "all": [math.nan, 1.5]}, "name": "half \ud800"}).as_json()
    facts = json.loads(text, parse_constant=pytest.fail)
    assert facts["metrics"] == {"psnr": None, "all": [None, 1.5]} and text.isascii()


BLENDER = ["blender", "-b"]


@pytest.mark.parametrize(
    "words, named",
    [
        ([*BLENDER, "scene.blend", "--command", "sjc", "import", "job", "--save", "out.blend"], "scene.blend"),
        ([*BLENDER, "old.BLEND1", "--python", "x.py", "-c", "sjc"], "old.BLEND1"),
        ([*BLENDER, "--python-expr", "f='a.blend", "--command", "sjc"], ""),
        (["blender", "--command", "sjc", "import", "job.blend"], ""),
        ([*BLENDER, "a.blend", "b.blend", "--command", "sjc"], "b.blend"),
        ([*BLENDER, "scene", "--command", "sjc", "rig"], "scene"),
        ([*BLENDER, "-S", "Scene", "-p", "0", "0", "640", "480", "a b", "--command", "sjc", "rig"], "a b"),
        ([*BLENDER, "-E", "CYCLES", "-t", "2", "--factory-startup", "--command", "sjc", "rig"], ""),
        (["python", "-m", "pytest"], ""),
    ],
)
def test_the_file_of_blenders_command_line_is_found(words, named):
    assert named_file(words) == named


def test_a_blend_that_cannot_be_read_is_no_default_scene(monkeypatch, capfd, tmp_path):
    monkeypatch.setattr("sys.argv", [*BLENDER, "broken.blend", "--command", "sjc"])
    assert generate("--out", "job", "--json") == EXIT_USAGE
    assert outcome_of(capfd)["error"]["code"] == "blend_not_opened" and not (tmp_path / "job").exists()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "broken.blend"))
    assert generate("--out", "job", "--json") == EXIT_OK
