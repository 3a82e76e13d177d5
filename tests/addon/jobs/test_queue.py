"""Pauses, and the order of the line."""

import time

from sjc_blender.addon.jobs import job_queue
from sjc_blender.addon.jobs.job import JobState
from sjc_blender.protocol.file_lock import FileLock
from tests.addon.jobs.processes import until


def started(queue, make_job, *names):
    """Give a running job, and others in line behind it."""
    made = [make_job("patient", name=name) for name in names]
    for job in made:
        queue.submit(job)
    until(lambda: made[0].progress is not None, queue)
    return made


def test_a_paused_job_stands_still_until_it_is_to_go_on(queue, make_job):
    (job,) = started(queue, make_job, "job")
    queue.pause(job)
    assert job.pausing and job.state is JobState.RUNNING, "its step is under way"
    until(lambda: job.state is JobState.PAUSED, queue)
    assert job.live
    step = job.progress.step
    for _ in range(20):
        queue.pump()
    assert job.progress.step == step
    queue.unpause(job)
    until(lambda: job.state is JobState.RUNNING and job.progress.step > step, queue)


def test_a_paused_job_can_be_cancelled_and_lets_the_next_one_run(queue, make_job):
    first, second = started(queue, make_job, "first", "second")
    queue.pause(first)
    until(lambda: first.state is JobState.PAUSED, queue)
    assert second.state is JobState.QUEUED, "one at a time"
    queue.cancel(first)
    until(lambda: second.state is JobState.RUNNING, queue)
    assert first.state is JobState.CANCELLED and first.folder.checkpoint.exists()


def test_only_what_runs_can_be_paused(queue, make_job):
    _first, second = started(queue, make_job, "first", "second")
    queue.pause(second)
    queue.unpause(second)
    assert not second.pausing and second.state is JobState.QUEUED


def test_waiting_jobs_change_their_places_and_run_in_the_new_order(queue, make_job):
    a, b, c, d = started(queue, make_job, *"abcd")
    queue.move(d, -1)
    assert queue.jobs == [a, b, d, c]
    queue.move(d, -10)
    assert queue.jobs == [a, d, b, c], "never before the one that runs"
    queue.move(b, 1)
    assert queue.jobs == [a, d, c, b]
    queue.move(b, 1)
    queue.move(a, 1)
    assert queue.jobs == [a, d, c, b], "the last one, and the running one, stay"
    queue.cancel(a)
    until(lambda: d.state is JobState.RUNNING, queue)


def test_what_has_ended_is_cleared_and_the_rest_is_not(queue, make_job):
    a, b, c = started(queue, make_job, *"abc")
    queue.cancel(b)
    queue.forget_ended()
    assert queue.jobs == [a, c]


def test_a_folder_in_which_another_engine_works_is_left_alone(queue, make_job, monkeypatch):
    monkeypatch.setattr(job_queue, "BUSY_SECONDS", 0.5)
    job = make_job("success")
    lock = FileLock.acquire(job.folder.lock_path)
    queue.submit(job)
    until(lambda: not queue.live, queue)
    lock.release()
    assert job.error.code == "engine_busy"
    assert not job.folder.log_path.exists(), "no second engine was started"


def test_an_engine_that_is_just_ending_is_waited_for(queue, make_job):
    job = make_job("success")
    lock = FileLock.acquire(job.folder.lock_path)
    queue.submit(job)
    assert queue.pump() == [job], "it is in line"
    time.sleep(0.1)
    assert queue.pump() == [] and job.state is JobState.QUEUED
    lock.release()
    until(lambda: not queue.live, queue)
    assert job.state is JobState.DONE
