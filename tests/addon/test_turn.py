"""A finished object turns round once in the place of its preview."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from sjc_blender.addon.jobs.job import JobState
from sjc_blender.addon.jobs.job_queue import QUEUE
from sjc_blender.addon.ui.job import turn
from sjc_blender.addon.ui.shared import previews
from sjc_blender.protocol.job_folder import JobFolder

SIDE, COLUMNS = 16, 8


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    """Two jobs with turntables whose views are ever lighter, and one whose folder has none; as in a window."""
    monkeypatch.setattr(turn, "_seen", set())
    monkeypatch.setattr(turn, "_turning", [])
    previews.register()
    for name in ("first", "second", "bare"):
        folder = JobFolder(tmp_path / name)
        folder.result.mkdir(parents=True)
        if name != "bare":
            sheet(folder.turntable)
        QUEUE._jobs.append(SimpleNamespace(id=name, folder=folder, state=JobState.RUNNING, preview=None))
    yield QUEUE.jobs
    turn._close()
    previews.unregister()


def sheet(path):
    pixels = np.zeros((2 * SIDE, COLUMNS * SIDE, 4), dtype=np.float32)
    for column in range(COLUMNS):
        pixels[SIDE:, column * SIDE : (column + 1) * SIDE] = (column + 1) / COLUMNS
    pixels[..., 3] = 1.0
    image = bpy.data.images.new("sheet", COLUMNS * SIDE, 2 * SIDE)
    image.pixels.foreach_set(pixels.ravel())
    image.file_format, image.filepath_raw = "PNG", str(path)
    image.save()
    bpy.data.images.remove(image)


def shown(job):
    """Brightness of the view that a job shows; None while it does not turn."""
    view = turn.view(job)
    return None if view is None else np.array(view.image_pixels_float)[0]


def test_a_job_that_is_done_shows_every_view_once_and_then_its_preview_again(jobs):
    before = list(bpy.data.images)
    turn.look()
    assert not turn._turning, "none is done"
    jobs[0].state = JobState.DONE
    turn.look()
    turn.look()
    assert turn._turning == ["first"], "it turns once"
    seen = []
    while turn._turn() is not None:
        seen.append(shown(jobs[0]))
    assert seen == pytest.approx([*np.arange(1, COLUMNS + 1) / COLUMNS, 1 / COLUMNS], abs=0.01)
    assert shown(jobs[0]) is None and turn._views is None
    turn.look()
    assert not turn._turning
    assert list(bpy.data.images) == before, "nothing is left in the file"


def test_jobs_turn_one_after_the_other_and_one_without_a_turntable_is_passed_over(jobs):
    for job in (jobs[0], jobs[2], jobs[1]):
        job.state = JobState.DONE
        turn.look()
    turning = []
    while turn._turn() is not None:
        turning += [job.id for job in jobs if turn.view(job)]
    assert turning == ["first"] * (COLUMNS + 1) + ["second"] * (COLUMNS + 1)


def test_a_job_that_was_cleared_away_does_not_turn(jobs):
    jobs[0].state = JobState.DONE
    turn.look()
    QUEUE._jobs.clear()
    assert turn._turn() is None
