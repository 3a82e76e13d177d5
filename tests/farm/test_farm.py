"""A farm of real processes on this machine, with an engine that takes milliseconds."""

import json
import random
import signal
import subprocess
import threading
import time

import pytest

from benchmarks.farm.local_farm import LocalFarm, stub_job
from sjc_blender.farm.identity import version
from sjc_blender.protocol import events, farm_lines, presets
from sjc_blender.protocol.job_folder import JobFolder
from tests.small_disk import fill, small_disk


@pytest.fixture
def farm(tmp_path):
    """Give a farm without workers."""
    made = []

    def make(**options):
        made.append(LocalFarm(tmp_path / f"farm{len(made)}", **options))
        made[-1].serve()
        return made[-1]

    yield make
    for one in made:
        one.close()


def program(here, *folders):
    """Start a program's way to the farm: it takes commands and tells events, a line each."""
    command = here.command("run", *folders, "--scheduler", here.address, "--lines")
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=here.environment, text=True)


def say(process, command, folder):
    process.stdin.write(farm_lines.Command(command, folder.path).line + "\n")
    process.stdin.flush()


def states(told):
    return {name: entry["state"] for name, entry in told.items()}


def computed(folder):
    """How often a result was computed."""
    return folder.log_path.read_text().count("computed\n") if folder.log_path.exists() else 0


def test_jobs_are_done_once_and_the_second_time_nothing_is_computed(farm, tmp_path):
    here = farm()
    here.join(2)
    jobs = [stub_job(tmp_path / f"job{seed}", seed) for seed in range(6)]
    told = here.submit(jobs)
    assert set(states(told).values()) == {"done"}
    again = here.submit(jobs)
    assert {entry["computed"] for entry in again.values()} == {False}
    assert [computed(job) for job in jobs] == [1] * 6


def test_without_a_shared_folder_jobs_travel_and_their_results_come_back(farm, tmp_path):
    here = farm()
    here.join(1, spool=str(tmp_path / "spool"))
    jobs = [stub_job(tmp_path / f"job{seed}", seed) for seed in range(2)]
    told = here.submit(jobs, "--not-shared")
    assert set(states(told).values()) == {"done"}
    for job in jobs:
        assert job.field.read_text() == f"field.npz of seed {job.read_spec().seed} after 20 steps"
        assert job.checkpoint.read_text() == "20"
    assert len(list((tmp_path / "spool" / "jobs").iterdir())) == 2


def test_a_job_that_fails_is_tried_on_other_workers_and_then_set_aside(farm, tmp_path):
    here = farm(STUB_FAILS="duck")
    here.join(2)
    told = here.submit([stub_job(tmp_path / "good"), stub_job(tmp_path / "bad", prompt="a red duck")])
    assert states(told) == {"good": "done", "bad": "failed"}
    assert told["bad"]["error"]["code"] == "stub_failed"


def test_no_killed_worker_and_no_restarted_scheduler_loses_a_result(farm, tmp_path):
    here = farm(STUB_SECONDS="0.05")
    here.join(2)
    jobs = [stub_job(tmp_path / f"job{seed}", seed, steps=60) for seed in range(12)]
    told = {}
    submission = threading.Thread(target=lambda: told.update(here.submit(jobs)))
    submission.start()
    chance, killed, restarts = random.Random(0), 0, 0
    while submission.is_alive() and (killed < 20 or restarts < 2):
        time.sleep(chance.uniform(0.5, 1.5))
        index = chance.randrange(len(here.workers))
        here.kill(here.workers[index], signal.SIGKILL if killed % 2 else signal.SIGTERM)
        killed += 1
        here.join(1)
        here.workers[index] = here.workers.pop()
        if killed in (5, 12):
            here.kill(here.scheduler)
            here.scheduler.wait()
            time.sleep(1)
            here.serve()
            restarts += 1
    submission.join(300)
    assert not submission.is_alive()
    assert set(states(told).values()) == {"done"}
    assert len(told) == 12
    assert [computed(job) for job in jobs] == [1] * 12, "a result was computed after it was whole"
    for job in jobs:
        assert job.field.read_text() == f"field.npz of seed {job.read_spec().seed} after 60 steps"


def test_a_job_that_is_stopped_keeps_its_checkpoint_and_goes_on(farm, tmp_path):
    here = farm(STUB_SECONDS="0.1")
    here.join(1)
    jobs = [stub_job(tmp_path / "first", steps=100), stub_job(tmp_path / "second", seed=1, steps=100)]
    told = {}
    submission = threading.Thread(target=lambda: told.update(here.submit(jobs)))
    submission.start()
    end = time.monotonic() + 60
    while not any(job.checkpoint.exists() for job in jobs) and time.monotonic() < end:
        time.sleep(0.1)
    done = here.run("stop", *[job.path for job in jobs], "--scheduler", here.address)
    assert done.returncode == 0, done.stderr
    submission.join(60)
    assert set(states(told).values()) == {"stopped"}
    assert sum(job.checkpoint.exists() for job in jobs) == 1
    here.environment["STUB_SECONDS"] = "0"
    assert set(states(here.submit(jobs)).values()) == {"done"}


def test_the_farm_goes_on_when_the_sender_is_gone(farm, tmp_path):
    here = farm(STUB_SECONDS="0.1")
    here.join(1)
    job = stub_job(tmp_path / "job", steps=40)
    sender = here.popen("run", job.path, "--scheduler", here.address, log="sender.log")
    end = time.monotonic() + 60
    while not job.checkpoint.exists() and time.monotonic() < end:
        time.sleep(0.1)
    here.kill(sender)
    sender.wait()
    while not job.metrics.exists() and time.monotonic() < end:
        time.sleep(0.1)
    assert states(here.submit([job])) == {"job": "done"}
    assert computed(job) == 1


def test_a_program_gives_jobs_hears_their_events_and_stops_one(farm, tmp_path):
    here = farm(STUB_SECONDS="0.1")
    here.join(2)
    long, short = stub_job(tmp_path / "long", steps=1000), stub_job(tmp_path / "short", steps=5)
    process = program(here)

    say(process, farm_lines.RUN, long)
    say(process, farm_lines.RUN, short)
    last, stopped = {}, False
    for line in process.stdout:
        folder, event = farm_lines.from_line(line)
        last[folder] = event
        if folder == long.path and isinstance(event, events.Progress) and not stopped:
            say(process, farm_lines.CANCEL, long)
            stopped = True
        if all(isinstance(last.get(job.path), (events.Result, events.Cancelled)) for job in (long, short)):
            break
    assert isinstance(last[long.path], events.Cancelled) and isinstance(last[short.path], events.Result)
    assert 0 < int(long.checkpoint.read_text()) < 1000
    process.stdin.close()
    assert process.wait(60) == 3


def test_a_program_that_ends_leaves_its_jobs_to_the_farm(farm, tmp_path):
    here = farm(STUB_SECONDS="0.1")
    here.join(1)
    job = stub_job(tmp_path / "job", steps=20)
    process = program(here, job.path)
    assert farm_lines.from_line(process.stdout.readline())
    process.stdin.close()
    assert process.wait(60) == 3
    end = time.monotonic() + 60
    while not job.metrics.exists() and time.monotonic() < end:
        time.sleep(0.1)
    assert states(here.submit([job])) == {"job": "done"} and computed(job) == 1


def test_every_job_hears_that_there_is_no_scheduler(farm, tmp_path):
    here = farm()
    here.kill(here.scheduler)
    here.scheduler.wait()
    jobs = [stub_job(tmp_path / name) for name in ("one", "two")]
    process = program(here, *[job.path for job in jobs])  # its input stays open: the end of it would mean to leave
    told = dict(farm_lines.from_line(line) for line in process.stdout)
    assert process.wait(60) == 1
    process.stdin.close()
    assert {folder: event.code for folder, event in told.items()} == {job.path: "farm_no_scheduler" for job in jobs}


def test_a_farm_says_what_it_has(farm):
    here = farm()
    here.join(1)
    end = time.monotonic() + 60
    told = {"workers": []}
    while not told["workers"] and time.monotonic() < end:
        told = json.loads(here.run("status", "--scheduler", here.address, "--json").stdout)
    (worker,) = told["workers"]
    assert (worker["name"], worker["version"]) == ("worker0", version())
    assert "builtin" in worker["models"]


def test_keys_of_another_authority_open_no_door(farm, tmp_path):
    plain = farm()
    assert plain.run("keys", tmp_path / "ours", "server", "node").returncode == 0
    assert plain.run("keys", tmp_path / "theirs", "server").returncode == 0
    here = LocalFarm(tmp_path / "tls")
    here.options = ["--keys", str(tmp_path / "ours" / "server")]
    try:
        here.serve()
        here.join(1)
        job = stub_job(tmp_path / "job")
        for keys in ([], ["--keys", str(tmp_path / "theirs" / "server")]):
            done = plain.run("run", job.path, "--scheduler", here.address, *keys)
            assert done.returncode == 1
            assert "No scheduler answers" in done.stderr
            assert not job.metrics.exists()
        assert states(here.submit([job])) == {"job": "done"}
    finally:
        here.close()


def test_another_release_is_refused_by_name(farm, tmp_path, monkeypatch):
    here = farm()
    job = stub_job(tmp_path / "job")
    from sjc_blender.farm import identity
    from sjc_blender.farm.connection import connection
    from sjc_blender.farm.submission import connected_client
    from sjc_blender.protocol.errors import SjcError

    monkeypatch.setattr(identity, "version", lambda: "9.9.9")
    with pytest.raises(SjcError, match=r"9\.9\.9") as caught:
        connected_client(connection(here.address, None))
    assert caught.value.code == "farm_other_version"
    assert not job.metrics.exists()


def test_where_no_scheduler_is_a_sentence_says_so(tmp_path):
    done = LocalFarm(tmp_path / "farm").run("run", stub_job(tmp_path / "job").path, "--scheduler", "127.0.0.1:9")
    assert done.returncode == 1
    assert "No scheduler answers at tcp://127.0.0.1:9" in done.stderr
    assert "farm serve" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_job_whose_model_no_worker_has_waits_and_says_so(farm, tmp_path):
    here = farm()
    here.join(1)
    folder = JobFolder.create(tmp_path / "job", presets.new_job("a chair", model="some/model", preset="draft"))
    process = program(here, folder.path)
    told = (farm_lines.from_line(line)[1] for line in process.stdout)
    warned = next(event.message for event in told if isinstance(event, events.Warned) and "model" in event.message)
    assert warned == "No worker of the farm has the model some/model yet; the job waits for one."
    say(process, farm_lines.CANCEL, folder)
    assert isinstance(next(told), events.Cancelled)
    process.stdin.close()
    assert process.wait(60) == 3


def another_worker_does_it(farm, tmp_path, spool):
    """Give a job to a worker that cannot store it in `spool`, and then to a second one."""
    here = farm()
    here.join(1, spool=str(spool))
    job = stub_job(tmp_path / "job")
    told = {}
    submission = threading.Thread(target=lambda: told.update(here.submit([job], "--not-shared")))
    submission.start()
    time.sleep(1)
    here.join(1)
    submission.join(120)
    assert states(told) == {"job": "done"}
    assert job.field.exists()


def test_a_worker_that_cannot_store_a_job_leaves_it_to_another(farm, tmp_path):
    (tmp_path / "file").write_text("no folder can be made in a file")
    another_worker_does_it(farm, tmp_path, tmp_path / "file" / "spool")


def test_a_full_disk_of_a_worker_costs_no_result(farm, tmp_path):
    with small_disk(tmp_path / "disk", "1m") as disk:
        (disk / "spool").mkdir()
        fill(disk)
        another_worker_does_it(farm, tmp_path, disk / "spool")


def two_senders_compute_each_once(farms, jobs):
    """Give the same jobs to two farms, or twice to one, at the same time."""
    told = [{}, {}]
    senders = [
        threading.Thread(target=lambda here=here, told=told: told.update(here.submit(jobs)))
        for here, told in zip(farms, told, strict=True)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(200)
    assert [set(states(each).values()) for each in told] == [{"done"}, {"done"}]
    assert [computed(job) for job in jobs] == [1] * len(jobs)


def test_two_senders_of_one_batch_compute_each_job_once(farm, tmp_path):
    here = farm(STUB_SECONDS="0.02")
    here.join(2)
    jobs = [stub_job(tmp_path / f"job{seed}", seed) for seed in range(6)]
    two_senders_compute_each_once([here, here], jobs)


def test_two_schedulers_over_one_batch_compute_each_job_once(farm, tmp_path):
    farms = [farm(STUB_SECONDS="0.02") for _ in range(2)]
    for here in farms:
        here.join(1)
    jobs = [stub_job(tmp_path / f"job{seed}", seed) for seed in range(6)]
    two_senders_compute_each_once(farms, jobs)


def test_a_read_only_share_is_said_and_nothing_is_lost(farm, tmp_path):
    real, share = tmp_path / "real", tmp_path / "share"
    job = stub_job(real / "job")
    before = sorted(path.name for path in job.path.iterdir())
    share.mkdir()
    if subprocess.run(["mount", "--bind", real, share], capture_output=True).returncode:
        pytest.skip("needs the right to mount; the test of a worker that cannot store a job needs none")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", share], check=True)
        here = farm()
        here.environment.pop("SJC_FARM_ENGINE")  # the real engine's sentence
        here.join(1)
        told = here.submit([JobFolder(share / "job")])
        assert states(told) == {"job": "failed"}
        assert "read-only" in json.dumps(told["job"]["error"]).lower()
    finally:
        subprocess.run(["umount", share], check=True)
    assert sorted(path.name for path in job.path.iterdir()) == before
