"""Other engines run the same unit of work: one command on one job folder."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.farm.local_farm import stub_job
from sjc_blender.engine.commands import cli
from sjc_blender.protocol import presets
from sjc_blender.protocol.job_folder import JobFolder
from tests.engine.tiny_pipeline import save_tiny_pipeline

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "sjc_blender" / "farm" / "templates"
OPENJD = Path(sys.executable).with_name("openjd")


@pytest.fixture(scope="module")
def two_jobs(tmp_path_factory):
    """Lay down two small jobs in a folder; something else lies there too."""
    root = tmp_path_factory.mktemp("openjd")
    model = save_tiny_pipeline(root / "model", "v_prediction")
    jobs = root / "jobs"
    for name in ("a", "b"):
        settings = {"steps": 6, "guidance_scale": 3.0, "emptiness_weight": 0}
        spec = presets.new_job(
            "a red chair",
            model=str(model),
            seed=ord(name),
            field={"resolution": 12},
            outputs={"colour_views": 4},
            optimisation=settings,
        )
        JobFolder.create(jobs / name, spec)
    (jobs / "notes").mkdir()
    return jobs


def test_open_job_description_makes_and_films_every_job(two_jobs):
    assert OPENJD.exists(), "requirements/engine-tests.txt installs openjd-cli"
    values = {"JobsFolder": two_jobs, "Tasks": "0-1", "Python": sys.executable, "Size": 32}
    parameters = [part for name, value in values.items() for part in ("-p", f"{name}={value}")]
    command = [OPENJD, "run", TEMPLATES / "openjd.yaml", *parameters]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "openjd_progress: 100.0" in done.stdout
    assert "openjd_status: optimising" in done.stdout
    for name in ("a", "b"):
        assert JobFolder(two_jobs / name).is_done(("volume", "mesh"))
        assert (two_jobs / name / "result" / "spiral.mp4").stat().st_size > 0


def test_the_open_job_template_is_valid():
    done = subprocess.run([OPENJD, "check", TEMPLATES / "openjd.yaml"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("index", [-1, 2])
def test_a_number_without_a_job_is_refused_with_those_there_are(two_jobs, index, capfd):
    assert cli.main(["resume", str(two_jobs), f"--index={index}"]) == cli.EXIT_USAGE
    assert "0 to 1" in capfd.readouterr().err


AUTHOR = """
const tasks = [];
const author = {
  Task: (name, type) => ({ name, type, commands: [], addCommand(command) { this.commands.push(command); } }),
  Command: (name, parameters) => ({ name, parameters }),
};
const job = { settings: JSON.parse(process.argv[2]), addTask(task) { tasks.push(task); } };
require("vm").runInThisContext(require("fs").readFileSync(process.argv[1], "utf8") + ";globalThis.type = JOB_TYPE;");
globalThis.author = author;
compileJob(job);
console.log(JSON.stringify({ type: globalThis.type, tasks }));
"""


@pytest.mark.skipif(
    shutil.which("node") is None, reason="needs Node; the file's command is that of the other templates"
)
def test_flamenco_gets_a_task_for_each_job():
    settings = {"jobs_folder": "/shared/jobs", "count": 3, "python": "/shared/engine/bin/python"}
    command = ["node", "-e", AUTHOR, str(TEMPLATES / "flamenco.js"), json.dumps(settings)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {setting["key"] for setting in told["type"]["settings"]} == set(settings)
    assert [task["name"] for task in told["tasks"]] == ["make-0", "make-1", "make-2"]
    (ran,) = told["tasks"][2]["commands"]
    assert ran["parameters"]["exe"] == settings["python"]
    assert ran["parameters"]["args"][1:] == ["sjc_blender.engine", "resume", "/shared/jobs", "--index", "2"]


def slurm_task(tmp_path, python):
    """Start the batch file where `python` stands for the engine's; return the process and what scontrol was asked."""
    stub_job(tmp_path / "jobs" / "a")
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    asked = tmp_path / "asked"
    (bin_folder / "scontrol").write_text(f'#!/bin/sh\necho "$@" >> {asked}\n')
    (bin_folder / "python").write_text(python)
    for path in bin_folder.iterdir():
        path.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "JOBS": str(tmp_path / "jobs"),
        "PYTHON": str(bin_folder / "python"),
        "SLURM_ARRAY_TASK_ID": "0",
        "SLURM_ARRAY_JOB_ID": "7",
    }
    command = ["bash", str(TEMPLATES / "slurm.sbatch")]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True), asked


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash; Slurm runs on Linux")
def test_slurms_task_is_put_in_line_again_when_it_was_stopped(tmp_path):
    process, asked = slurm_task(tmp_path, '#!/bin/sh\ntrap "exit 3" TERM\necho "$@"\nsleep 60 & wait $!\n')
    assert process.stdout.readline().split() == [
        "-m", "sjc_blender.engine", "resume", str(tmp_path / "jobs"), "--index", "0",
    ]  # fmt: skip
    process.terminate()
    assert process.wait(30) == 3
    process.stdout.close()
    assert asked.read_text() == "requeue 7_0\n"


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash; Slurm runs on Linux")
def test_a_signal_that_comes_as_slurms_step_begins_is_not_lost(tmp_path):
    process, asked = slurm_task(tmp_path, '#!/bin/sh\ntrap "exit 3" TERM\nkill -TERM $PPID\nsleep 60 & wait $!\n')
    assert process.wait(30) == 3
    process.stdout.close()
    assert asked.read_text() == "requeue 7_0\n"
