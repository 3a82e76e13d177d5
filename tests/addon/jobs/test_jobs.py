"""Jobs run one after the other, and each ends in a way that its user is told."""

import time

import pytest

from sjc_blender.addon.jobs import job_queue as jobs
from sjc_blender.addon.jobs.job import JobState
from sjc_blender.addon.process.child_owner import end_children
from sjc_blender.protocol.errors import SjcError
from tests.addon.jobs.processes import alive, kill, pid_in, until


def ended(queue, *submitted):
    for job in submitted:
        queue.submit(job)
    until(lambda: not queue.live, queue, seconds=10.0)


def test_a_job_gathers_what_the_engine_tells(queue, make_job):
    seen = []
    job = make_job(prompt="ein grüner Stuhl", on_change=lambda job: seen.append((job.state, job.fraction)))
    ended(queue, job)
    assert job.state is JobState.DONE and not job.live
    assert job.progress.step == job.progress.total == 20
    assert job.preview == job.folder.path / "previews" / "000020.png" and job.preview.exists()
    assert job.warnings == ["ein grüner Stuhl"]
    assert job.result.files["mesh"] == "result/mesh.npz"
    assert seen[-1] == ("done", 1.0)
    assert [fraction for _, fraction in seen] == sorted(fraction for _, fraction in seen)


def test_jobs_wait_in_line(queue, make_job):
    first, second = make_job(name="first"), make_job(name="second")
    both = []
    first.on_change = second.on_change = lambda _: both.append((first.state, second.state))
    ended(queue, first, second)
    assert first.state == second.state == "done"
    assert {second for first, second in both if first in ("queued", "running")} == {"queued"}
    assert queue.jobs == [first, second]


def test_the_next_job_starts_after_one_that_failed(queue, make_job):
    failing, fine = make_job("error"), make_job()
    ended(queue, failing, fine)
    assert (failing.state, fine.state) == ("failed", "done")


def test_two_live_jobs_never_share_a_folder(queue, make_job):
    job = make_job("patient")
    queue.submit(job)
    with pytest.raises(SjcError) as caught:
        queue.submit(make_job("patient"))
    assert caught.value.code == "folder_in_use"


def test_cancel_stops_within_a_step(queue, make_job):
    job = make_job("patient")
    queue.submit(job)
    until(lambda: job.progress is not None, queue)
    step = job.progress.step
    queue.cancel(job)
    assert job.state is JobState.CANCELLING and job.live
    until(lambda: not job.live, queue)
    assert job.state is JobState.CANCELLED and job.error is None
    # One step may have been under way, and one may have been told while the cancel was written.
    assert job.progress.step <= step + 2
    assert job.folder.checkpoint.exists()


def test_a_waiting_job_is_cancelled_at_once(queue, make_job):
    running, waiting = make_job("patient"), make_job()
    queue.submit(running)
    queue.submit(waiting)
    queue.pump()
    queue.cancel(waiting)
    assert waiting.state is JobState.CANCELLED and running.state is JobState.RUNNING
    assert waiting in queue.pump()
    assert not waiting.folder.log_path.exists()


def test_an_engine_that_ignores_cancel_is_ended_after_the_grace(queue, make_job, monkeypatch):
    monkeypatch.setattr(jobs, "CANCEL_SECONDS", 0.5)
    job = make_job("deaf")
    queue.submit(job)
    until(lambda: (job.folder.path / "child.pid").exists(), queue)
    child = pid_in(job.folder.path / "child.pid")
    queue.cancel(job)
    before = time.monotonic()
    until(lambda: not queue.live, queue)
    assert time.monotonic() - before > 0.4
    assert job.state is JobState.CANCELLED
    until(lambda: not alive(child))


def test_a_second_cancel_need_not_wait(queue, make_job):
    job = make_job("deaf")
    queue.submit(job)
    until(lambda: job.phase == "optimising", queue)
    queue.cancel(job)
    queue.cancel(job, now=True)
    until(lambda: job.state is JobState.CANCELLED, queue)


def test_an_engine_that_lingers_after_its_result_does_not_block_the_line(queue, make_job, monkeypatch):
    monkeypatch.setattr(jobs, "EXIT_SECONDS", 0.2)
    lingering, next_one = make_job("lingering"), make_job()
    ended(queue, lingering, next_one)
    assert (lingering.state, next_one.state) == ("done", "done")


def test_a_killed_engine_is_reported_within_two_seconds(queue, make_job):
    job = make_job("patient")
    queue.submit(job)
    until(lambda: job.progress is not None, queue)
    kill(pid_in(job.folder.path / "engine.pid"))
    until(lambda: job.state is JobState.FAILED, queue, seconds=2.0)
    assert job.error.code == "engine_died"
    assert "signal 9 (SIGKILL)" in job.error.message
    assert "memory ran out" in job.error.hint


def test_a_killed_job_with_a_checkpoint_can_be_resumed_and_says_so(queue, make_job):
    job = make_job("killed")
    ended(queue, job)
    assert job.state is JobState.FAILED
    assert "resume the job" in job.error.hint


def test_an_engine_that_breaks_says_why_in_its_last_words(queue, make_job):
    job = make_job("crash")
    ended(queue, job)
    assert job.error.code == "engine_died"
    assert "with exit code 1" in job.error.message
    assert "No module named 'torch'" in job.error.message
    assert str(job.folder.log_path) in job.error.hint


def test_an_engine_that_ends_without_a_word_has_failed(queue, make_job):
    job = make_job("silent")
    ended(queue, job)
    assert job.state is JobState.FAILED
    assert "with exit code 0 before the job was done" in job.error.message


def test_the_engines_own_error_arrives_as_it_was_told(queue, make_job):
    job = make_job("error")
    ended(queue, job)
    assert job.state is JobState.FAILED
    assert (job.error.code, job.error.message, job.error.hint) == (
        "unknown_model",
        "There is no such model.",
        "Choose another.",
    )


def test_a_job_that_cannot_start_fails_in_words_and_frees_the_line(queue, make_job, tmp_path):
    broken, fine = make_job("error", interpreter=tmp_path / "nothing"), make_job()
    ended(queue, broken, fine)
    assert broken.error.code == "engine_not_started"
    assert fine.state is JobState.DONE


def test_a_listener_that_fails_does_not_stop_the_job(queue, make_job):
    def fail(_job):
        raise ValueError("mine")

    job = make_job(on_change=fail)
    ended(queue, job)
    assert job.state is JobState.DONE
    assert any("ValueError: mine" in warning for warning in job.warnings)


def test_shutting_down_ends_everything(queue, make_job):
    running, waiting = make_job("deaf"), make_job()
    queue.submit(running)
    queue.submit(waiting)
    until(lambda: (running.folder.path / "child.pid").exists(), queue)
    pids = [pid_in(running.folder.path / f"{name}.pid") for name in ("engine", "child")]
    end_children([queue], 0.3)
    assert running.state == waiting.state == "cancelled" and not queue.live
    until(lambda: not any(map(alive, pids)))


def test_shutting_down_leaves_time_for_a_checkpoint(queue, make_job):
    job = make_job("patient")
    queue.submit(job)
    until(lambda: job.progress is not None, queue)
    end_children([queue], 5.0)
    assert job.folder.checkpoint.exists()
