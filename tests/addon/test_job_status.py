"""What is said of a job, and how sentences are broken to a width."""

from pathlib import Path

import pytest

from sjc_blender.addon.jobs import job_queue
from sjc_blender.addon.jobs.job import Job, JobState
from sjc_blender.addon.ui.job.job_status import (
    ICONS,
    LONGEST_HEADLINES,
    bar_text,
    forecast_text,
    headline,
    line_text,
    place_text,
    rate_text,
    settings_text,
)
from sjc_blender.addon.ui.shared.line_breaking import wrapped
from sjc_blender.protocol import events, presets
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.spec import JobSpec


@pytest.fixture
def job(tmp_path):
    return Job(JobFolder(tmp_path / "job1"), JobSpec("a red chair"), Path("python"), state=JobState.RUNNING)


def test_a_running_job_tells_its_phase_steps_speed_and_time_left(job):
    job.apply(events.Phase("optimising"))
    assert (headline(job), bar_text(job), rate_text(job)) == ("Optimising", "", "")
    job.apply(events.Progress(step=250, total=1000, steps_per_second=9.5, eta_seconds=78.9))
    assert bar_text(job) == "25%   250 / 1000"
    job.speed_known = True
    assert rate_text(job) == "9.5 steps/s, 1:19 left"


def test_nothing_is_promised_before_ten_steps_and_five_seconds_nor_after_the_last_step(job, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(job_queue.time, "monotonic", lambda: clock[0])
    job.apply(events.Forecast(1_300_000_000, 0, 9_000_000, seconds=1976.0))
    for seconds, step in ((0.0, 341), (3.0, 360)):  # many steps in no time
        clock[0] = 100.0 + seconds
        job.apply(events.Progress(step=step, total=1000, steps_per_second=0.3, eta_seconds=1976.0))
        assert rate_text(job) == "Measuring the speed"
        assert forecast_text(job) == "Needs about 1.3 GB of memory"
    clock[0] = 160.0
    job._began = (340, 100.0)
    job.apply(events.Progress(step=349, total=1000, steps_per_second=0.3, eta_seconds=1976.0))
    assert rate_text(job) == "Measuring the speed", "nine steps in a minute"
    job.apply(events.Progress(step=350, total=1000, steps_per_second=9.0, eta_seconds=72.0))
    assert rate_text(job) == "9.0 steps/s, 1:12 left"
    assert forecast_text(job) == "32:56 in all, 1.3 GB of memory"
    job.apply(events.Progress(step=1000, total=1000, steps_per_second=9.5))
    assert rate_text(job) == ""


def test_what_a_job_needs_is_told_at_once_and_its_time_when_that_is_known(job):
    assert forecast_text(job) == ""
    job.apply(events.Forecast(memory_bytes=1_300_000_000, graphics_bytes=0, disk_bytes=9_000_000))
    assert forecast_text(job) == "Needs about 1.3 GB of memory"
    job.speed_known = True
    job.apply(events.Forecast(2_900_000_000, 3_100_000_000, 9_000_000, seconds=750.0))
    assert forecast_text(job) == "12:30 in all, 3.1 GB of the GPU"


def test_every_state_has_words_and_an_icon(job):
    said = set()
    for state in JobState:
        job.state = state
        job.phase = "loading the model"
        said.add(headline(job))
        assert ICONS[state]
    assert len(said) == len(JobState)
    assert all(words[0].isupper() for words in said)
    assert max(map(len, said)) <= max(map(len, LONGEST_HEADLINES)), "there is room for each"


def test_jobs_of_one_prompt_are_told_apart(tmp_path):
    def made(name, **settings):
        return Job(JobFolder(tmp_path / name), presets.new_job("a red chair", **settings), Path("python"))

    jobs = [made("a", preset="draft", seed=3), made("b", preset="draft", seed=4), made("c", preset="high", seed=3)]
    assert [settings_text(job) for job in jobs] == [
        "Draft, seed 3, Built-in prior",
        "Draft, seed 4, Built-in prior",
        "High, seed 3, Built-in prior",
    ]
    assert len({line_text(job, jobs) for job in jobs}) == 3
    assert [line_text(job, jobs[:2]) for job in jobs[:2]] == [str(job.spec.seed) for job in jobs[:2]], (
        "they differ in it"
    )
    jobs.append(made("d", preset="draft", seed=3, model={"source": "/models/my dog.safetensors"}))
    assert line_text(jobs[-1], jobs) == "Draft 3 my dog.safetensors", "the model, where there are several"
    assert [place_text(job, jobs) for job in jobs] == ["Next", "2.", "3.", "4."]
    jobs[0].state = JobState.RUNNING
    assert [place_text(job, jobs) for job in jobs] == ["0%", "Next", "2.", "3."]


def test_a_cancelled_job_says_where_it_stopped(job):
    job.apply(events.Progress(step=41, total=1000))
    job.apply(events.Cancelled(41))
    assert headline(job) == "Cancelled after 41 steps"


def test_a_done_job_says_whether_its_result_is_in_the_scene(job):
    job.state = JobState.DONE
    assert headline(job) == "Done; imports in Object Mode"
    job.import_error = SjcError("scene_missing", "No scene.")
    assert headline(job) == "Done, but not in the scene"
    assert job.trouble is job.import_error
    job.import_error, job.imported = None, ("a red chair",)
    assert headline(job) == "Done, and in the scene"
    assert job.trouble is None


@pytest.mark.parametrize("width", [1, 5, 11, 40, 1000])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "one",
        "The camera 'Dome' is panoramic.",
        "a\n  - b c d e\n  - f",
        "see /a/very/long/path/without/any/space.txt",
    ],
)
def test_wrapping_loses_nothing_and_fits(text, width):
    lines = wrapped(text, width, len)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(len(line) <= width for line in lines)


def test_wrapping_breaks_at_words_and_keeps_line_breaks():
    assert wrapped("two cameras:\nA is inside the box", 12, len) == ["two cameras:", "A is inside", "the box"]
    assert wrapped("abcdefgh ij", 3, len) == ["abc", "def", "gh", "ij"]
