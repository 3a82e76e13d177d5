"""Nothing in the panel moves while jobs run, end and begin: a click hits what it was aimed at."""

from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

import sjc_blender
from sjc_blender.addon.jobs import pump
from sjc_blender.addon.jobs.job import Job, JobState
from sjc_blender.addon.jobs.job_queue import QUEUE
from sjc_blender.addon.rigs import occupied
from sjc_blender.addon.ui.job import generate_operators, job_box, main_panel, session_properties
from sjc_blender.protocol import events, presets
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import JobFolder
from tests.addon.drawn_layout import Layout, context


@pytest.fixture
def addon(scene, monkeypatch):
    monkeypatch.setattr(generate_operators, "refusal", None)
    sjc_blender.register()
    yield
    QUEUE._jobs.clear()
    sjc_blender.unregister()


@pytest.fixture
def make(addon, tmp_path):
    def make(prompt="a red chair", state=JobState.QUEUED, **settings):
        spec = presets.new_job(prompt, **settings)
        folder = JobFolder.create(tmp_path / f"job {len(QUEUE.jobs)}", spec)
        QUEUE._jobs.append(Job(folder, spec, Path("python"), state=state))
        pump.tell()
        return QUEUE.jobs[-1]

    return make


@pytest.fixture
def session(addon):
    return bpy.context.window_manager.sjc


def draw(width):
    layout = Layout()
    main_panel.SJC_PT_main.draw(SimpleNamespace(layout=layout), context(width))
    return layout.places()


def spots(width):
    """Places of everything that can be clicked, what stands there, and the whole height."""
    found, height = draw(width)
    return [(name.replace("unpause", "pause"), top, left) for name, _, top, left, _ in found], height


def a_life(job):
    """Every state of a job, one after the other, with everything that may come meanwhile."""
    yield "queued"
    job.state, job.phase = JobState.RUNNING, "starting"
    yield "starting"
    job.apply(events.Phase("loading the model"))
    yield "loading"
    job.apply(events.Forecast(1_300_000_000, 0, 9_000_000))
    yield "forecast"
    job.apply(events.Phase("optimising"))
    yield "optimising"
    job.apply(events.Progress(step=1, total=1000, steps_per_second=0.5, eta_seconds=1976.0))
    yield "first step"
    picture = job.folder.previews / "000001.png"
    image = bpy.data.images.new("Picture", 8, 8)
    image.filepath_raw, image.file_format = str(picture), "PNG"
    image.save()
    job.apply(events.Preview("previews/000001.png", 1))
    yield "picture"
    job.speed_known = True
    job.apply(events.Forecast(1_300_000_000, 0, 9_000_000, seconds=99 * 3600.0 + 59 * 60))
    job.apply(events.Progress(step=500, total=1000, steps_per_second=999.9, eta_seconds=99 * 3600.0))
    yield "known speed"
    job.apply(events.Warned("Memory ran out: from here on it works in smaller parts, which takes longer. " * 3))
    yield "warned"
    job.pausing = True
    yield "pausing"
    job.apply(events.Paused(500))
    yield "paused"
    job.pausing = False
    yield "going on"
    job.apply(events.WentOn(500))
    yield "goes on"
    job.apply(events.Phase("writing the results"))
    yield "writing"
    job.state = JobState.CANCELLING
    yield "cancelling"
    job.folder.checkpoint.write_bytes(b"state")
    job.state = JobState.CANCELLED
    yield "cancelled"
    job.state = JobState.DONE
    yield "done"
    job.imported = ("a red chair",)
    yield "imported"
    job.imported, job.import_error = (), SjcError("scene_missing", "There is no scene.", "Import it.")
    yield "not imported"
    job.import_error = None
    job.fail(SjcError("engine_died", "The engine ended.", "Resume the job."))
    yield "failed"


@pytest.mark.parametrize("width", [150, 230, 300, 640])
@pytest.mark.parametrize("jobs", [1, 3])
def test_everything_stays_in_its_place_through_the_life_of_a_job(make, width, jobs, monkeypatch):
    made = [make(seed=number) for number in range(jobs)]
    if made[0].id:
        bpy.ops.mesh.primitive_cube_add(size=2)
        monkeypatch.setitem(occupied.found, made[0].id, (bpy.context.object.name,))
    first = None
    for stage in a_life(made[0]):
        pump.tell()
        now = spots(width)
        first = first or now
        names = [(name, top, left) for name, top, left in now[0] if name not in {"sjc.import_result", "sjc.resume"}]
        kept = [(name, top, left) for name, top, left in first[0] if name not in {"sjc.import_result", "sjc.resume"}]
        assert names == kept, stage
        assert now[1] == first[1], f"{stage}: {now[1]} instead of {first[1]} units high"
    assert {"sjc.pause", "sjc.cancel", "sjc.show_result"} <= {name for name, *_ in first[0]}


def test_panels_that_no_first_job_needs_are_closed_at_first(addon):
    closed = {
        cls.bl_label
        for cls in bpy.types.Panel.__subclasses__()
        if getattr(cls, "bl_category", "") == "SJC" and "DEFAULT_CLOSED" in getattr(cls, "bl_options", ())
    }
    assert {"Model", "Viewpoints", "Domain", "Output", "Batch", "Engine", "History"} <= closed


def test_a_long_failure_moves_nothing_above_itself(make, session):
    job, other = make(), make(seed=1)
    before, _ = spots(300)
    job.fail(SjcError("engine_died", "The engine ended. Its last output was: " + "word " * 400, "Try again."))
    pump.tell()
    after, _ = spots(300)
    lower = {"sjc.popover", "SJC_PT_remarks", "sjc.hide_cover"}
    assert [spot for spot in after if spot[0] not in lower] == [spot for spot in before if spot[0] not in lower]
    assert other.live


def test_no_button_of_one_job_becomes_that_of_another_when_it_ends(make, session):
    first, second = make(seed=1), make(seed=2)
    first.state, first.phase = JobState.RUNNING, job_box.OPTIMISING
    pump.tell()
    assert session_properties.chosen_job(session) is first
    order = [entry.name for entry in session.jobs]
    first.state, first.imported = JobState.DONE, ("a red chair",)
    second.state, second.phase = JobState.RUNNING, job_box.OPTIMISING
    pump.tell()
    assert [entry.name for entry in session.jobs] == order
    found, _ = draw(300)
    stops = [(options["text"], possible) for name, options, _, _, possible in found if name == "sjc.cancel"]
    assert stops == [("Cancel", False), ("Stop Now", False)], "the box shows what was chosen, and that has ended"
    session.job_index = order.index(second.id)
    stops = [possible for name, _, _, _, possible in draw(300)[0] if name == "sjc.cancel"]
    assert stops == [True, False]


def test_a_second_click_on_cancel_stops_nothing_the_hard_way(make):
    job = make(state=JobState.RUNNING)
    found, _ = draw(300)
    cancel = next(place for place in found if place[0] == "sjc.cancel" and place[4])
    job.state = JobState.CANCELLING
    found, _ = draw(300)
    there = next(place for place in found if place[2:4] == cancel[2:4])
    assert there[1]["text"] == "Cancel" and not there[4]


def test_a_new_job_is_chosen_where_the_chosen_one_has_ended(make, session):
    first = make(state=JobState.DONE)
    assert session_properties.chosen_job(session) is first
    second = make(seed=1)
    assert session_properties.chosen_job(session) is second
    third = make(seed=2)
    assert session_properties.chosen_job(session) is second, "what is looked at stays"
    QUEUE._jobs.remove(second)
    pump.tell()
    assert session_properties.chosen_job(session) is third


def test_ended_jobs_are_listed_below_those_that_live(make, session):
    done, running, waiting = make(), make(), make()
    done.state, running.state = JobState.DONE, JobState.RUNNING
    pump.tell()
    assert [entry.name for entry in session.jobs] == [waiting.id, running.id, done.id]
