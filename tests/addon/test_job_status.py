"""What is said of a job, and how sentences are broken to a width."""

from pathlib import Path

import pytest

from sjc_blender.addon.jobs.job_queue import Job, JobState
from sjc_blender.addon.ui.job_status import ICONS, bar_text, forecast_text, headline, rate_text, trouble, wrapped
from sjc_blender.protocol import events
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
    assert rate_text(job) == "9.5 steps/s, 1:19 left"


def test_nothing_is_promised_before_the_speed_is_known_nor_after_the_last_step(job):
    job.apply(events.Progress(step=0, total=1000))
    assert rate_text(job) == ""
    job.apply(events.Progress(step=1000, total=1000, steps_per_second=9.5))
    assert rate_text(job) == ""


def test_what_a_job_needs_is_told_at_once_and_its_time_when_that_is_known(job):
    assert forecast_text(job) == ""
    job.apply(events.Forecast(memory_bytes=1_300_000_000, graphics_bytes=0, disk_bytes=9_000_000))
    assert forecast_text(job) == "Needs about 1.3 GB of memory"
    job.apply(events.Forecast(2_900_000_000, 3_100_000_000, 9_000_000, seconds=750.0))
    assert forecast_text(job) == "About 12:30 in all, 3.1 GB of the GPU"


def test_every_state_has_words_and_an_icon(job):
    said = set()
    for state in JobState:
        job.state = state
        job.phase = "loading the model"
        said.add(headline(job))
        assert ICONS[state]
    assert len(said) == len(JobState)
    assert all(words[0].isupper() for words in said)


def test_a_cancelled_job_says_where_it_stopped(job):
    job.apply(events.Progress(step=41, total=1000))
    job.apply(events.Cancelled(41))
    assert headline(job) == "Cancelled after 41 steps"


def test_a_done_job_says_whether_its_result_is_in_the_scene(job):
    job.state = JobState.DONE
    assert headline(job) == "Done; comes into the scene in Object Mode"
    job.import_error = SjcError("scene_missing", "No scene.")
    assert headline(job) == "Done, but not in the scene"
    assert trouble(job) is job.import_error
    job.import_error, job.imported = None, ("a red chair",)
    assert headline(job) == "Done, and in the scene"
    assert trouble(job) is None


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
