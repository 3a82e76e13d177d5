"""A job holds still and goes on, keeps others out of its folder, and gets more steps after its end."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from sjc_blender.engine.commands import cli
from sjc_blender.engine.this_process.pause import Pause
from sjc_blender.protocol import events, presets
from sjc_blender.protocol.errors import InvalidSpec
from sjc_blender.protocol.file_lock import FileLock, is_held
from sjc_blender.protocol.job_folder import JobFolder

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def new_folder(tiny_pipeline, tmp_path):
    def make(name, *, timesteps_end=(10, 400), **settings):
        optimisation = {"guidance_scale": 3.0, "emptiness_weight": 0, "timesteps_end": timesteps_end, **settings}
        spec = presets.new_job(
            "a red chair",
            model=str(tiny_pipeline("v_prediction")),
            field={"resolution": 12},
            outputs={"colour_views": 4, "mesh": False},
            optimisation=optimisation,
        )
        return JobFolder.create(tmp_path / name, spec)

    return make


def run(folder, pause=None, listen=None):
    told = []

    def tell(event):
        told.append(event)
        if listen is not None:
            listen(event)

    code = cli._work(folder, tell, lambda: False, pause, restart=False)
    assert code == cli.EXIT_OK, told[-1]
    return told


def field_of(folder):
    with np.load(folder.result / "field.npz", allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def test_a_pause_holds_the_job_and_costs_it_nothing(new_folder, monkeypatch):
    plain, paused, pause = new_folder("plain", steps=12), new_folder("paused", steps=12), Pause()
    run(plain)
    clock, night = time.perf_counter, []
    monkeypatch.setattr(time, "perf_counter", lambda: clock() + sum(night))

    def listen(event):
        if isinstance(event, events.Preview) and event.step == 4:
            pause.begin()
        if isinstance(event, events.Paused):
            assert paused.checkpoint.exists(), "nothing is lost if the machine is switched off now"
            night.append(10_000.0)
            threading.Timer(0.1, pause.end).start()

    told = run(paused, pause, listen)
    held = [event for event in told if isinstance(event, (events.Paused, events.WentOn))]
    assert held == [events.Paused(4), events.WentOn(4)]
    assert same(field_of(plain), field_of(paused))
    last = [event for event in told if isinstance(event, events.Progress)][-1]
    assert last.steps_per_second > 12 / 10_000, "the rate does not count the pause"


def test_a_paused_engine_hears_a_cancel(new_folder):
    folder = new_folder("job", steps=100_000)
    command = [sys.executable, "-m", "sjc_blender.engine", "run", str(folder.path)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def say(line):
        process.stdin.write(line + "\n")
        process.stdin.flush()

    def until(kind):
        for line in process.stdout:
            if isinstance(event := events.from_line(line), kind):
                return event
        raise AssertionError(f"no {kind}")

    until(events.Progress)
    assert folder.busy
    say(events.PAUSE)
    step = until(events.Paused).step
    say(events.GO_ON)
    assert until(events.WentOn).step == step
    say(events.PAUSE)
    until(events.Paused)
    say(events.CANCEL)
    assert until(events.Cancelled).step > step
    assert process.wait(30) == cli.EXIT_CANCELLED
    process.stdin.close()
    process.stdout.close()
    assert not folder.busy


def test_a_second_engine_does_not_enter_the_folder(new_folder):
    folder = new_folder("job", steps=5)
    lock = FileLock.acquire(folder.lock_path)
    told = []
    assert cli._work(folder, told.append, lambda: False, restart=False) == cli.EXIT_FAILED
    assert told[-1].code == "engine_busy"
    assert not folder.events_path.exists(), "the records are the other engine's"
    lock.release()
    run(folder)


def test_a_lock_ends_with_its_holder_however_that_ends(tmp_path):
    path = tmp_path / "engine.lock"
    assert not is_held(path)
    assert not path.exists()
    code = (
        "import sys, time; from pathlib import Path; from sjc_blender.protocol.file_lock import FileLock;"
        "lock = FileLock.acquire(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=ROOT, stdout=subprocess.PIPE)
    assert holder.stdout.readline().strip() == b"held"
    assert is_held(path)
    assert FileLock.acquire(path) is None
    holder.kill()
    holder.communicate()
    end = time.monotonic() + 5
    while is_held(path):
        assert time.monotonic() < end
        time.sleep(0.01)
    FileLock.acquire(path).release()


def test_a_job_that_goes_on_after_its_end_is_the_job_that_was_to_be_so_long(new_folder):
    short = new_folder("short", steps=10)
    run(short)
    longer = new_folder("longer", steps=16, schedule_steps=10)
    longer.checkpoint.write_bytes(short.checkpoint.read_bytes())
    told = run(longer)
    assert all(event.step > 10 for event in told if isinstance(event, events.Progress))
    whole = new_folder("whole", steps=16, schedule_steps=10)
    run(whole)
    assert same(field_of(longer), field_of(whole))
    assert not same(field_of(longer), field_of(short))
    other = new_folder("other", steps=16)
    run(other)
    assert not same(field_of(other), field_of(whole)), "its schedules are longer"


def test_the_checkpoint_of_another_schedule_is_refused(new_folder):
    short, other = new_folder("short", steps=4), new_folder("other", steps=8)
    run(short)
    other.checkpoint.write_bytes(short.checkpoint.read_bytes())
    told = []
    assert cli._work(other, told.append, lambda: False, restart=False) == cli.EXIT_FAILED
    assert told[-1].code == "checkpoint_of_other_job"


def test_schedules_are_not_longer_than_the_job(new_folder):
    with pytest.raises(InvalidSpec, match="schedule_steps"):
        new_folder("job", steps=4, schedule_steps=5)
