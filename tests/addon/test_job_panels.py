"""What is shown of the line, of a pause, of interrupted jobs and of the history; what its buttons do."""

from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

import sjc_blender
from sjc_blender.addon import api, user_preferences
from sjc_blender.addon.jobs import known_jobs, live_volume, pump
from sjc_blender.addon.jobs.job import Job, JobState
from sjc_blender.addon.jobs.job_queue import QUEUE
from sjc_blender.addon.registration import classes_of
from sjc_blender.addon.ui.history import history_operators, history_panel
from sjc_blender.addon.ui.job import job_operators, job_panel, session_properties, status_bar
from sjc_blender.addon.ui.settings import setting_presets
from sjc_blender.addon.ui.shared import previews
from sjc_blender.protocol import events
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.spec import JobSpec
from tests.addon.drawn_layout import Layout, context
from tests.addon.jobs.processes import until


@pytest.fixture
def addon(scene, monkeypatch):
    sjc_blender.register()
    yield
    QUEUE._jobs.clear()
    sjc_blender.unregister()


@pytest.fixture
def jobs(addon, tmp_path):
    """Give a running job and two in line."""
    made = []
    for number, prompt in enumerate(("a red chair", "ein grüner Stuhl", "a yellow duck")):
        folder = JobFolder.create(tmp_path / f"job {number}", JobSpec(prompt))
        state = JobState.QUEUED if number else JobState.RUNNING
        made.append(Job(folder, folder.read_spec(), Path("python"), state=state, phase="optimising"))
    QUEUE._jobs += made
    made[0].apply(events.Progress(step=412, total=1000, steps_per_second=10.0, eta_seconds=58.8))
    pump.tell()
    return made


@pytest.fixture
def fake_engine(monkeypatch):
    """Let any Python do, for no job gets as far as its start."""
    monkeypatch.setattr(user_preferences, "find_engine_python", lambda *_: Path("python"))


@pytest.fixture
def session(addon):
    return bpy.context.window_manager.sjc


@pytest.fixture
def earlier(users_jobs):
    """Give a function that lays down a job of an earlier session."""

    def make(*told, name="earlier", prompt="a blue mug", checkpoint=True, is_open=False, result=False):
        folder = JobFolder.create(users_jobs.parent / name, JobSpec(prompt, seed=7))
        for event in told:
            folder.append_event(event)
        if checkpoint:
            folder.checkpoint.write_bytes(b"state")
        if result:
            for path in (folder.field, folder.mesh, folder.metrics):
                path.write_bytes(b"whole")
        index = known_jobs.index()
        index.open(folder.path)
        if not is_open:
            index.settle(folder.path)
        return folder

    return make


def drawn():
    layout = Layout()
    job_panel.draw_jobs(layout, context())
    job_panel.draw_offers(layout, context())
    return layout


def history():
    layout = Layout()
    history_panel.SJC_PT_history.draw(SimpleNamespace(layout=layout), context())
    return layout


def looked():
    known_jobs.scan_now()
    pump.tell()


# ---- This session -------------------------------------------------------------------------------------------------


def test_a_paused_job_can_go_on_or_be_cancelled(jobs, session):
    session.job_index = 2
    jobs[0].pausing = True
    assert "Pauses after this step" in drawn().texts()
    jobs[0].apply(events.Paused(412))
    layout = drawn()
    assert "Paused; it keeps its memory" in layout.texts()
    assert {"sjc.unpause", "sjc.cancel"} <= set(layout.operators())
    assert "sjc.pause" not in layout.operators()
    assert not any("left" in text for text in layout.texts()), "nobody knows how long"


def test_a_running_job_shows_what_it_needs(jobs):
    jobs[0].speed_known = True
    jobs[0].apply(events.Forecast(1_300_000_000, 0, 9_000_000, seconds=90.0))
    assert "1:30 in all, 1.3 GB of memory" in drawn().texts()


def test_the_line_stands_in_a_list_and_the_chosen_job_can_be_moved(jobs, session):
    assert [entry.prompt for entry in session.jobs] == ["a yellow duck", "ein grüner Stuhl", "a red chair"]
    session.job_index = 0
    bpy.ops.sjc.move_job(places=-1)
    pump.step()
    assert [entry.prompt for entry in session.jobs] == ["ein grüner Stuhl", "a yellow duck", "a red chair"]
    assert session_properties.chosen_job(session) is jobs[2], "it stays chosen"


def test_one_job_needs_no_list(jobs):
    del QUEUE._jobs[1:]
    assert not drawn().texts("template_list")


def test_ended_jobs_are_cleared_from_the_list(jobs, session):
    jobs[1].state = JobState.CANCELLED
    bpy.ops.sjc.clear_jobs()
    assert [entry.name for entry in session.jobs] == [jobs[2].id, jobs[0].id]
    jobs[2].state = jobs[0].state = JobState.CANCELLED
    bpy.ops.sjc.clear_jobs(job=jobs[2].id)
    assert [entry.name for entry in session.jobs] == [jobs[0].id], "only that one"


def test_the_lists_draw_their_lines_and_can_be_searched(jobs, session, earlier):
    earlier(events.Result({}), result=True)
    looked()
    for kind, entries in ((job_panel.SJC_UL_jobs, session.jobs), (history_panel.SJC_UL_history, session.history)):
        assert len(entries)
        for entry in entries:
            layout = Layout()
            kind.draw_item(SimpleNamespace(), context(), layout, session, entry, 0, session, "job_index")
            assert entry.prompt in layout.texts()
    shown = SimpleNamespace(filter_name="GRÜN", bitflag_filter_item=1)
    search = session_properties.SearchedByPrompt.filter_items
    assert search(shown, context(), session, "jobs") == ([0, 1, 0], [])


def test_the_status_bar_tells_the_running_job(jobs):
    layout = Layout()
    status_bar._draw(SimpleNamespace(layout=layout), context())
    assert {"a red chair", "Measuring the speed", "2 in line"} <= set(layout.texts())
    assert layout.texts("progress") == ["41%   412 / 1000"]
    jobs[0].state = JobState.DONE
    at_rest = Layout()
    status_bar._draw(SimpleNamespace(layout=at_rest), context())
    assert not at_rest.drawn


def test_the_live_volume_is_switched_for_the_session(session, monkeypatch):
    monkeypatch.setattr(live_volume, "enabled", True)
    assert session.live_volume
    session.live_volume = False
    assert not live_volume.enabled


# ---- Earlier sessions ---------------------------------------------------------------------------------------------


def test_an_interrupted_job_is_offered(addon, earlier):
    folder = earlier(events.CheckpointSaved("checkpoint.safetensors", 340), is_open=True)
    looked()
    layout = drawn()
    assert "a blue mug" in layout.texts()
    assert "Interrupted at step 340 of 10000" in " ".join(layout.texts())
    assert layout.operators()["sjc.resume"].folder == str(folder.path)
    assert layout.operators()["sjc.delete_job"].folder == str(folder.path)
    assert not bpy.context.window_manager.sjc.history, "it is not over"


def test_an_offer_that_is_taken_is_none_any_more(addon, earlier):
    folder = earlier(events.CheckpointSaved("checkpoint.safetensors", 340), is_open=True)
    looked()
    QUEUE._jobs.append(Job(folder, folder.read_spec(), Path("python")))
    assert known_jobs.offers() == []


def test_several_offers_are_taken_at_once(addon, earlier, fake_engine, as_in_a_window):
    folders = [
        earlier(events.CheckpointSaved("checkpoint.safetensors", 340), is_open=True, name=f"job {number}")
        for number in range(5)
    ]
    looked()
    layout = drawn()
    assert len([kind for kind, args, _, _ in layout.drawn if kind == "operator" and args[0] == "sjc.resume"]) == 3
    assert "2 more were interrupted" in layout.texts()
    bpy.ops.sjc.resume_all()
    assert {job.folder.path for job in QUEUE.jobs} == {folder.path for folder in folders}
    assert known_jobs.offers() == []


def test_a_discarded_job_is_deleted_and_gone(addon, earlier):
    folder = earlier(events.CheckpointSaved("checkpoint.safetensors", 340), is_open=True)
    looked()
    bpy.ops.sjc.delete_job(folder=str(folder.path))
    assert not folder.path.exists()
    assert "a blue mug" not in drawn().texts()
    assert known_jobs.index().entries() == {}


def test_the_history_shows_what_ended_and_what_can_be_done(addon, session, earlier):
    done = earlier(events.Result({}), result=True, name="done")
    earlier(events.Cancelled(3), name="cancelled", prompt="a red chair")
    looked()
    session.history_index = [entry.name for entry in session.history].index(str(done.path))
    layout = history()
    assert {"a blue mug", "Done in 10000 steps", "Standard, seed 7, Built-in prior"} <= set(layout.texts())
    assert {"sjc.recall", "sjc.import_result", "sjc.continue_job", "sjc.delete_job", "sjc.open_folder"} == set(
        layout.operators()
    )
    session.history_index = 1 - session.history_index
    assert "sjc.resume" in history().operators()


def test_an_empty_history_says_so(addon):
    assert history().texts() == ["Looking ..."]
    until(lambda: known_jobs.poll() or not known_jobs.scanning())
    assert history().texts() == ["No job has ended yet"]


def test_a_volume_that_is_shown_is_not_deleted_under_the_scene(addon, earlier):
    folder = earlier(events.Result({}), result=True)
    volume = bpy.data.volumes.new("Chair")
    volume.filepath = str(folder.result / "chair.vdb")
    with pytest.raises(RuntimeError, match="'Chair' of the open file lies in"):
        bpy.ops.sjc.delete_job(folder=str(folder.path))
    assert folder.checkpoint.exists()


def test_what_cannot_be_done_is_said(addon, earlier, tmp_path):
    for operator in ("recall", "resume", "continue_job", "delete_job"):
        with pytest.raises(RuntimeError, match="job"):
            getattr(bpy.ops.sjc, operator)(folder=str(tmp_path / "nothing"))
    with pytest.raises(RuntimeError, match="not there any more"):
        bpy.ops.sjc.open_folder(folder=str(tmp_path / "nothing"))


@pytest.mark.parametrize(
    ("folder", "shown"), [("jobs/chair", "jobs/chair"), ("jobs/chair.app", "jobs"), ("a.app/b.workflow", "")]
)
def test_a_folder_that_macos_would_start_is_not_opened_itself(tmp_path, folder, shown):
    assert job_operators.browsable(tmp_path / folder) == tmp_path / shown


def test_everything_that_is_clicked_has_a_tooltip(addon):
    for cls in (*classes_of(job_operators), *classes_of(history_operators), setting_presets.SJC_OT_setting_preset_add):
        rna = getattr(bpy.ops.sjc, cls.bl_idname.split(".")[1]).get_rna_type()
        assert rna.description and not rna.description.endswith("."), cls
    for prop in session_properties.SJC_PG_session.bl_rna.properties:
        if prop.identifier not in {"rna_type", "name"}:
            assert prop.description and not prop.description.endswith("."), prop.identifier


# ---- Presets ------------------------------------------------------------------------------------------------------


def test_settings_are_kept_under_a_name_and_chosen_again(addon, scene, tmp_path, monkeypatch):
    monkeypatch.setattr(
        bpy.utils, "user_resource", lambda kind, path="", create=False: str(tmp_path / "presets" / "sjc")
    )
    (tmp_path / "presets" / "sjc").mkdir(parents=True)
    scene.sjc.prompt, scene.sjc.preset, scene.sjc.make_mesh = "a red chair", "draft", False
    assert bpy.ops.sjc.setting_preset_add(name="Quick look") == {"FINISHED"}
    (kept,) = (tmp_path / "presets" / "sjc").glob("*.py")
    scene.sjc.prompt, scene.sjc.preset, scene.sjc.make_mesh = "a blue mug", "standard", True
    bpy.ops.script.execute_preset(filepath=str(kept), menu_idname="SJC_MT_setting_presets")
    assert (scene.sjc.preset, scene.sjc.make_mesh) == ("draft", False)
    assert scene.sjc.prompt == "a blue mug", "a preset says how, not what"


def test_all_offers_are_discarded_at_once_and_only_they(addon, earlier):
    kept = earlier(events.Result({}), result=True, name="done")
    folders = [
        earlier(events.CheckpointSaved("checkpoint.safetensors", 340), is_open=True, name=f"job {number}")
        for number in range(5)
    ]
    looked()
    assert "sjc.discard_all" in drawn().operators()
    bpy.ops.sjc.discard_all()
    assert not any(folder.path.exists() for folder in folders)
    assert kept.path.exists()
    assert known_jobs.offers() == []


def test_what_is_interrupted_can_be_deleted_and_resumed_as_it_is_given(addon, earlier, fake_engine):
    for name in ("job 1", "job 2"):
        earlier(events.CheckpointSaved("checkpoint.safetensors", 340), is_open=True, name=name)
    first, second = api.interrupted()
    api.delete_job(first)
    assert not first.folder.path.exists()
    assert api.resume(second).folder.path == second.folder.path


def test_a_question_names_what_is_deleted(addon, earlier, monkeypatch):
    folder = earlier(events.CheckpointSaved("checkpoint.safetensors", 340), is_open=True)
    earlier(events.CheckpointSaved("checkpoint.safetensors", 2), is_open=True, name="other", prompt="a red chair")
    looked()
    asked = []
    manager = SimpleNamespace(
        invoke_confirm=lambda *_, **options: asked.append(options["message"]) or {"RUNNING_MODAL"}
    )
    somewhere = SimpleNamespace(window_manager=manager)
    history_operators.SJC_OT_delete_job.invoke(SimpleNamespace(folder=str(folder.path)), somewhere, None)
    assert "a blue mug (Standard, seed 7, Built-in prior)" in asked[0]
    job_operators.SJC_OT_discard_all.invoke(SimpleNamespace(), somewhere, None)
    assert "a blue mug" in asked[1] and "a red chair" in asked[1]


def test_the_bin_asks_before_it_clears_the_list(jobs):
    jobs[0].state = JobState.CANCELLED
    asked = []
    manager = SimpleNamespace(invoke_confirm=lambda *_, **options: asked.append(options) or {"RUNNING_MODAL"})
    job_operators.SJC_OT_clear_jobs.invoke(SimpleNamespace(job=""), SimpleNamespace(window_manager=manager), None)
    assert asked and len(QUEUE.jobs) == 3


def test_an_entry_of_the_history_can_be_chosen_by_its_picture(addon, session, earlier):
    for number in range(3):
        folder = earlier(events.Cancelled(3), name=f"job {number}", prompt=f"prompt {number}")
        image = bpy.data.images.new("Picture", 8, 8)
        image.filepath_raw, image.file_format = str(folder.previews / "000001.png"), "PNG"
        image.save()
    looked()
    assert [kind for kind, *_ in history().drawn if kind == "template_icon_view"]
    items = session_properties._pictures(session, None)
    assert [name for _, name, *_ in items] == [entry.prompt for entry in session.history]
    # Background mode has no ids for icons; that the pictures are loaded is what can be seen there.
    assert {Path(path).parents[1].name for path in previews._collection} == {"job 0", "job 1", "job 2"}
    session.history_picture = items[2][0]
    assert session.history_index == 2 and session.history_picture == items[2][0]
