"""What the sidebar shows for each state of a job. (How it looks is seen in a real window: docs/.)"""

from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

import sjc_blender
from sjc_blender.addon.jobs import pump
from sjc_blender.addon.jobs.job import Job, JobState
from sjc_blender.addon.jobs.job_queue import QUEUE
from sjc_blender.addon.registration import classes_of
from sjc_blender.addon.rigs import occupied, rig_watch
from sjc_blender.addon.ui.job import generate_operators, main_panel
from sjc_blender.addon.ui.shared import previews
from sjc_blender.protocol import events
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.spec import JobSpec
from tests.addon.drawn_layout import Layout, context


@pytest.fixture
def addon(scene, monkeypatch):
    monkeypatch.setattr(generate_operators, "refusal", None)
    sjc_blender.register()
    yield
    QUEUE._jobs.clear()
    sjc_blender.unregister()


@pytest.fixture
def job(addon, tmp_path):
    folder = JobFolder.create(tmp_path / "job1", JobSpec("a red chair"))
    made = Job(folder, folder.read_spec(), Path("python"), state=JobState.RUNNING, phase="optimising")
    QUEUE._jobs.append(made)
    return made


def drawn(panel=main_panel.SJC_PT_main):
    layout = Layout()
    panel.draw(SimpleNamespace(layout=layout), context())
    return layout


def possible(layout, operator=None):
    """The operators that are not grey by their place; or the texts of one of them."""
    places = [place for place in layout.places()[0] if place[4] and place[0].startswith("sjc.")]
    if operator is None:
        return {name for name, *_ in places}
    return [options.get("text", "") for name, options, *_ in places if name == operator]


def header():
    layout = Layout()
    main_panel.SJC_PT_main.draw_header_preset(SimpleNamespace(layout=layout), context())
    return layout.texts()


def test_every_panel_draws(addon, scene):
    for panel in classes_of(main_panel):
        assert drawn(panel).drawn
    scene.sjc.rig, scene.sjc.model_kind = "CAMERAS", "OWN"
    bpy.ops.sjc.add_rig(count=2)
    for panel in classes_of(main_panel):
        assert drawn(panel).drawn


def test_at_rest_there_is_a_button_and_no_job(addon):
    layout = drawn()
    assert "Generate" in layout.texts("operator")
    assert not layout.texts("progress")
    assert header() == []


def test_a_running_job_shows_progress_and_can_be_cancelled(job):
    job.apply(events.Progress(step=412, total=1000, steps_per_second=10.0, eta_seconds=58.8))
    job.speed_known = True
    layout = drawn()
    ((options),) = [options for kind, _, options, _ in layout.drawn if kind == "progress"]
    assert options["factor"] == pytest.approx(0.412)
    assert options["text"] == "41%   412 / 1000"
    assert {"a red chair", "Optimising", "10.0 steps/s, 0:59 left"} <= set(layout.texts())
    assert possible(layout, "sjc.cancel") == ["Cancel"]
    assert layout.operators()["sjc.pause"].job == job.id
    assert "Add to Queue" in layout.texts("operator")
    assert header() == ["41%"]


def test_while_it_stops_it_can_be_stopped_at_once(job):
    job.state = JobState.CANCELLING
    layout = drawn()
    assert possible(layout, "sjc.cancel") == ["Stop Now"]
    assert vars(layout.operators()["sjc.cancel"]) == {"job": job.id, "now": True}


def test_a_failure_is_told_whole_with_its_hint_and_the_way_on(job):
    job.folder.checkpoint.write_bytes(b"state")
    message = "The engine ended by signal 9 before the job was done. Its last output was:\n  Killed"
    job.fail(SjcError("engine_died", message, "Close other programs, then resume the job."))
    layout = drawn()
    words = " ".join(layout.texts()).split()
    assert " ".join(message.split()) in " ".join(words)
    assert "Close other programs, then resume the job." in " ".join(words)
    assert layout.operators()["sjc.resume"].folder == str(job.folder.path)


def test_without_a_checkpoint_there_is_nothing_to_resume(job):
    job.fail(SjcError("engine_died", "The engine ended."))
    assert not possible(drawn(), "sjc.resume")


def test_a_result_that_did_not_get_into_the_scene_can_be_imported(job):
    job.state = JobState.DONE
    job.import_error = SjcError("folder_not_writable", "The folder could not be written.")
    layout = drawn()
    assert layout.operators()["sjc.import_result"].directory == str(job.folder.path)
    assert "The folder could not be written." in " ".join(layout.texts())


def test_a_done_job_asks_for_nothing(job):
    job.state, job.imported = JobState.DONE, ("a red chair",)
    wanted = {"sjc.random_seed", "sjc.generate", "sjc.open_folder", "sjc.clear_jobs", "sjc.show_result"}
    assert possible(drawn()) == wanted


def test_an_ended_job_can_be_put_away_once_its_engine_has_ended(job, monkeypatch):
    job.fail(SjcError("engine_died", "The engine ended."))
    monkeypatch.setattr(QUEUE, "_running", job)
    assert not possible(drawn(), "sjc.clear_jobs"), "a click would do nothing"
    monkeypatch.setattr(QUEUE, "_running", None)
    assert possible(drawn(), "sjc.clear_jobs")
    bpy.ops.sjc.clear_jobs(job=job.id)
    assert not QUEUE.jobs


def test_the_box_shows_the_job_that_is_chosen_in_the_list(job, tmp_path):
    folder = JobFolder.create(tmp_path / "job2", JobSpec("a yellow duck"))
    QUEUE._jobs.append(Job(folder, folder.read_spec(), Path("python"), state=JobState.QUEUED))
    pump.tell()
    layout = drawn()
    assert layout.texts("template_list"), "both stand in the list"
    assert "a red chair" in layout.texts()
    session = bpy.context.window_manager.sjc
    session.job_index = [entry.prompt for entry in session.jobs].index("a yellow duck")
    texts = drawn().texts()
    assert "a yellow duck" in texts
    assert "a red chair" not in texts


def test_what_hides_the_result_can_be_hidden(job, monkeypatch):
    bpy.ops.mesh.primitive_cube_add(size=2)
    cube = bpy.context.object
    monkeypatch.setitem(occupied.found, job.id, (cube.name,))
    assert drawn().operators()["sjc.hide_cover"].name == cube.name
    assert possible(drawn(), "sjc.hide_cover") == ["Hide Cube"]
    bpy.ops.sjc.hide_cover(name=cube.name)
    assert not cube.visible_get()
    assert not possible(drawn(), "sjc.hide_cover")


def test_a_job_that_did_not_start_says_why(addon):
    generate_operators.refusal = SjcError(
        "unusable_cameras", "2 cameras cannot be used:\n  - 'A' is inside.\n  - 'B' is panoramic."
    )
    layout = drawn()
    assert "2 cameras cannot be used: - 'A' is inside. - 'B' is panoramic." in " ".join(layout.texts())
    assert "sjc.dismiss" in layout.operators()


def save_picture(path, colour):
    image = bpy.data.images.new("Picture", 8, 8)
    image.generated_color = (*colour, 1)
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()


def test_the_newest_preview_is_loaded_in_place_of_older_ones(job):
    for number in range(1, 8):
        save_picture(job.folder.previews / f"{number}.png", (1, 0, 0))
        job.apply(events.Preview(f"previews/{number}.png", number))
        drawn()
    *_, (path, picture) = previews._collection.items()
    assert Path(path) == job.preview
    assert tuple(picture.image_size) == (8, 8)
    assert len(previews._collection) == previews.KEPT


def test_two_pictures_of_a_folder_that_are_drawn_together_stay_loaded(job):
    shown = [job.folder.previews / f"{number}.png" for number in (1, 2)]
    for path in [*shown, job.folder.previews / "3.png", job.folder.previews / "4.png"]:
        save_picture(path, (1, 0, 0))
        previews.icon(path)
        for other in shown:  # Blender draws what has been told of one picture after another one is asked for
            previews.icon(other)
            assert all(str(each) in previews._collection for each in shown if each.exists())


def test_a_preview_that_is_gone_is_no_trouble(job):
    job.apply(events.Preview("previews/gone.png", 1))
    ((options),) = [options for kind, _, options, _ in drawn().drawn if kind == "template_icon"]
    assert options["icon_value"] == 0


def test_what_stands_in_the_place_of_the_next_object_is_said_before(addon):
    scene = bpy.context.scene
    rig_watch.look(scene)
    assert not possible(drawn(), "sjc.beside") and not possible(drawn(), "sjc.hide_cover")
    bpy.ops.mesh.primitive_cube_add(size=2)
    cube = bpy.context.object
    rig_watch.look(scene)
    scene.sjc.prompt = "a red chair"
    assert "Cube stands in its place" in drawn().texts()
    assert possible(drawn(), "sjc.hide_cover") == ["Hide Cube"]
    cube.name = "A very long name"
    rig_watch.look(scene)
    assert possible(drawn(), "sjc.hide_cover") == ["Hide It"], "the sentence above names it, the button would be cut"
    cube.name = "Cube"
    rig_watch.look(scene)
    bpy.ops.sjc.beside()
    assert tuple(scene.cursor.location) == (2.5, 0, 0)
    rig_watch.look(scene)
    assert "Cube stands in its place" not in drawn().texts()
    scene.cursor.location = (0, 0, 0)
    bpy.ops.sjc.hide_cover(name="Cube")
    assert (cube.visible_get(), cube.hide_render) == (False, True)
    rig_watch.look(scene)
    assert not possible(drawn(), "sjc.beside")


def test_a_chosen_domain_is_not_stepped_aside_from(addon):
    scene = bpy.context.scene
    bpy.ops.sjc.add_domain()
    bpy.ops.mesh.primitive_cube_add(size=2)
    rig_watch.look(scene)
    assert possible(drawn(), "sjc.hide_cover") == ["Hide Cube"]
    assert not possible(drawn(), "sjc.beside")
