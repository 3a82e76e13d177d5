"""A whole job through the command line, as the add-on and a person at a terminal run it."""

import itertools
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sjc_blender.engine import job
from sjc_blender.engine.commands import cli
from sjc_blender.engine.optimisation.sjc import ScoreJacobianChaining
from sjc_blender.protocol import events, presets
from sjc_blender.protocol.job_folder import JobFolder

ROOT = Path(__file__).resolve().parents[2]
STEPS = 20


@pytest.fixture
def new_folder(tiny_pipeline, tmp_path):
    def make(name="job", **settings):
        # A random network likes nothing in particular: without pressure from the emptiness loss something is left.
        optimisation = {"steps": STEPS, "guidance_scale": 3.0, "checkpoint_every": 5, "emptiness_weight": 0, **settings}
        spec = presets.new_job(
            "a red chair",
            model=str(tiny_pipeline("v_prediction")),
            field={"resolution": 12},
            outputs={"colour_views": 4},
            optimisation=optimisation,
        )
        return JobFolder.create(tmp_path / name, spec)

    return make


def engine(*arguments, **options):
    command = [sys.executable, "-m", "sjc_blender.engine", *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def of(kind, told):
    return [event for event in told if isinstance(event, kind)]


def kept(folder):
    """The events that are kept in the folder."""
    path = folder.events_path
    lines = path.read_text().splitlines() if path.exists() else []
    return [event for event in map(events.from_line, lines) if event is not None]


def field_of(folder):
    with np.load(folder.result / "field.npz", allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


def test_a_job_tells_its_way_in_json_lines_and_leaves_its_results(new_folder):
    folder = new_folder()
    process = engine("run", folder.path)
    lines = []
    for line in process.stdout:
        lines.append(line)
    process.stdin.close()
    errors = process.stderr.read()
    assert process.wait(60) == 0, errors
    told = [events.from_line(line) for line in lines]
    assert None not in told, "stdout belongs to the protocol"
    assert told == [events.from_line(line) for line in folder.events_path.read_text().splitlines()]
    assert [event.name for event in of(events.Phase, told)][:2] == ["loading the model", "optimising"]
    progress = of(events.Progress, told)
    assert progress[-1].step == progress[-1].total == STEPS
    assert progress[-1].steps_per_second > 0
    previews = of(events.Preview, told)
    assert max(b.step - a.step for a, b in itertools.pairwise(previews)) <= STEPS / 20
    assert Image.open(folder.path / previews[-1].path).size == (256, 256)
    assert [event.step for event in of(events.CheckpointSaved, told)] == [5, 10, 15, 20]
    result = of(events.Result, told)[0]
    assert told[-1] == result
    for path in result.files.values():
        assert (folder.path / path).stat().st_size > 0
    assert {"field", "metrics"} <= result.files.keys()
    assert result.metrics["evaluations"] == 2 * STEPS


def test_cancel_stops_with_a_valid_checkpoint_and_the_resumed_job_ends_as_if_never_stopped(new_folder):
    whole = new_folder("whole", steps=200, checkpoint_every=1000)
    cut = new_folder("cut", steps=200, checkpoint_every=1000)
    process = engine("run", cut.path)
    for line in process.stdout:
        if isinstance(events.from_line(line), events.Progress):
            break
    process.stdin.write(events.CANCEL + "\n")
    process.stdin.flush()
    cancelled_at = time.monotonic()
    told = [events.from_line(line) for line in process.stdout]
    assert process.wait(30) == cli.EXIT_CANCELLED
    assert time.monotonic() - cancelled_at < 20
    step = of(events.Cancelled, told)[0].step
    assert 0 < step < 200
    assert of(events.CheckpointSaved, told)[-1].step == step

    for folder in (whole, cut):
        assert cli.main(["generate", *_as_generate(folder)]) == cli.EXIT_OK
    expected, got = field_of(whole), field_of(cut)
    assert expected.keys() == got.keys()
    assert all(np.array_equal(expected[name], got[name]) for name in expected)
    assert (whole.checkpoint).read_bytes() == cut.checkpoint.read_bytes()


def test_a_job_whose_parent_is_gone_stops_with_a_checkpoint(new_folder):
    folder = new_folder(steps=100_000)
    process = engine("run", folder.path)
    for line in process.stdout:
        if isinstance(events.from_line(line), events.Progress):
            break
    process.stdin.close()
    process.stdin = None
    process.communicate(timeout=60)
    assert process.returncode == cli.EXIT_CANCELLED
    assert folder.checkpoint.exists()


STUCK = """
import sys, time
from sjc_blender.engine import job
from sjc_blender.engine.commands import cli

def stuck(*_, **__):
    print("at work", flush=True, file=sys.stderr)
    time.sleep(300)

job.run_job = stuck
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("told", ["", events.CANCEL + "\n", events.PAUSE + "\n"])
def test_a_step_that_does_not_end_is_left_when_the_parent_is_gone(new_folder, told):
    folder = new_folder()
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK, "run", str(folder.path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr.readline() == "at work\n"
    process.stdin.write(told)
    process.stdin.flush()
    time.sleep(0.2)
    assert process.poll() is None and folder.busy
    gone = time.monotonic()
    process.stdin.close()
    assert process.wait(30) == cli.EXIT_CANCELLED
    assert time.monotonic() - gone < cli.ORPHAN_SECONDS + 10
    assert "is gone" in process.stderr.read()
    process.stderr.close()
    assert not folder.busy


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send; SIGBREAK goes the same way")
@pytest.mark.parametrize("command", ["run", "resume"])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_stops_a_job_as_a_cancel_does(new_folder, command, name):
    folder = new_folder(steps=100_000, checkpoint_every=100_000)
    process = engine(command, folder.path)
    end = time.monotonic() + 60
    while not of(events.Progress, kept(folder)) and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(getattr(signal, name))
    process.communicate(timeout=60)
    assert process.returncode == cli.EXIT_CANCELLED
    step = of(events.Cancelled, kept(folder))[0].step
    assert of(events.CheckpointSaved, kept(folder))[-1].step == step > 0


def _as_generate(folder):
    spec = folder.read_spec()
    changes = {
        "optimisation.steps": spec.optimisation.steps,
        "optimisation.checkpoint_every": spec.optimisation.checkpoint_every,
        "optimisation.guidance_scale": spec.optimisation.guidance_scale,
        "optimisation.emptiness_weight": spec.optimisation.emptiness_weight,
        "field.resolution": spec.field.resolution,
        "outputs.colour_views": spec.outputs.colour_views,
    }
    sets = [part for name, value in changes.items() for part in ("--set", f"{name}={value}")]
    return ["--prompt", spec.prompt, "--model", spec.model.source, "--out", str(folder.path), *sets]


def test_generate_shows_a_bar_and_says_where_the_results_are(new_folder, capfd):
    folder = new_folder()
    assert cli.main(["generate", *_as_generate(folder)]) == cli.EXIT_OK
    shown = capfd.readouterr().err
    assert f"{STEPS}/{STEPS}" in shown
    assert "result/field.npz" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--prompt", " "], ["prompt", "a description"]),
        (["--prompt", "a chair", "--preset", "fast"], ["preset", "draft"]),
        (["--prompt", "a chair", "--set", "optimisation.step=3"], ["optimisation.step", "steps"]),
        (["--prompt", "a chair", "--set", "nonsense"], ["FIELD=VALUE"]),
    ],
)
def test_bad_input_is_answered_in_sentences(arguments, words, tmp_path, capfd):
    command = ["generate", "--model", "some/model", "--out", str(tmp_path / "out"), *arguments]
    assert cli.main(command) == cli.EXIT_USAGE
    shown = capfd.readouterr().err
    assert all(word in shown for word in words)
    assert "Traceback" not in shown
    assert not (tmp_path / "out").exists()


def run(folder, **options):
    told = []
    code = cli._work(folder, told.append, lambda: False, restart=options.get("restart", False))
    return code, told


def test_an_unknown_model_is_one_error_event(tmp_path):
    spec = presets.new_job("a chair", model="nobody/has-this-model")
    code, told = run(JobFolder.create(tmp_path, spec))
    assert code == cli.EXIT_FAILED
    assert "nobody/has-this-model" in told[-1].message


def test_a_damaged_checkpoint_is_refused_and_restart_goes_around_it(new_folder):
    folder = new_folder()
    folder.checkpoint.write_bytes(b"damaged")
    code, told = run(folder)
    assert (code, told[-1].code) == (cli.EXIT_FAILED, "checkpoint_corrupt")
    assert folder.checkpoint.read_bytes() == b"damaged"
    code, _ = run(folder, restart=True)
    assert code == cli.EXIT_OK


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_out_of_memory_keeps_the_checkpoint_and_says_what_to_do(new_folder, monkeypatch, error):
    folder = new_folder()
    advance = ScoreJacobianChaining.advance

    def exhausted(self):
        if self.step == 7:
            raise error
        return advance(self)

    monkeypatch.setattr(ScoreJacobianChaining, "advance", exhausted)
    code, told = run(folder)
    assert (code, told[-1].code) == (cli.EXIT_FAILED, "out_of_memory")
    assert "resolution" in told[-1].hint
    monkeypatch.undo()
    code, told = run(folder)
    assert code == cli.EXIT_OK
    assert of(events.Progress, told)[0].step > 5, "it went on from the checkpoint"


def test_a_fault_of_the_engine_is_a_sentence_with_its_traceback_in_the_log(new_folder, monkeypatch, capfd):
    def faulty(self):
        raise ZeroDivisionError("the fault")

    monkeypatch.setattr(job.Run, "preview", faulty)
    folder = new_folder()
    code, told = run(folder)
    assert (code, told[-1].code) == (cli.EXIT_FAILED, "internal_error")
    assert "the fault" in told[-1].message
    assert "Traceback" not in capfd.readouterr().err
    assert "Traceback" in folder.log_path.read_text()


def test_the_resolved_settings_lie_in_the_job_folder(new_folder):
    data = json.loads(new_folder().spec_path.read_text())
    assert data["optimisation"]["steps"] == STEPS
    assert data["optimisation"]["learning_rate"] == 0.05


def test_a_prepared_folder_is_run_where_nobody_listens(new_folder):
    # As on a farm's node: stdin is empty, and that is not the end of a parent.
    folder = new_folder(steps=12)
    command = [sys.executable, "-m", "sjc_blender.engine", "resume", str(folder.path)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.returncode == cli.EXIT_OK, done.stderr
    assert (folder.result / "field.npz").is_file()
    assert "Done" in done.stderr and done.stdout == ""
