"""What was done is said, and what was made can be shown."""

import webbrowser
from types import SimpleNamespace

import bpy
import pytest

import sjc_blender
from sjc_blender.addon import api, window_events
from sjc_blender.addon.results.show import show_result
from sjc_blender.addon.ui import menus
from sjc_blender.addon.ui.batch import batch_operators
from sjc_blender.addon.ui.history import history_operators
from sjc_blender.protocol.errors import SjcError

from .test_standing import block, table


@pytest.fixture(autouse=True)
def addon(scene):
    sjc_blender.register()
    yield
    sjc_blender.unregister()


@pytest.fixture
def folder(finished_job):
    return finished_job(field=block(), mesh=table()).path


@pytest.fixture
def cube(scene):
    cube = bpy.data.objects.new("Cube", bpy.data.meshes.new("Cube"))
    scene.collection.objects.link(cube)
    return cube


@pytest.fixture
def window(monkeypatch):
    """Stand for a window; `framed` tells what was selected each time its viewports were turned."""
    window = SimpleNamespace(view_layer=bpy.context.view_layer, framed=[])

    def frame(which):
        assert which is window
        window.framed.append(list(bpy.context.selected_objects))

    monkeypatch.setattr(window_events, "frame_selected", frame)
    return window


@pytest.fixture
def asked():
    """Stand for the window's manager, which asks; `questions` are what it is to ask."""
    questions = []

    def invoke_confirm(operator, event, **words):
        questions.append(words)
        return {"RUNNING_MODAL"}

    context = SimpleNamespace(window_manager=SimpleNamespace(invoke_confirm=invoke_confirm))
    return SimpleNamespace(questions=questions, context=context)


def select(obj):
    for other in bpy.context.view_layer.objects:
        other.select_set(other == obj)
    bpy.context.view_layer.objects.active = obj


def test_show_selects_what_the_job_made_and_nothing_else(folder, cube):
    api.import_result(folder)
    select(cube)
    (mesh,) = api.show(folder)
    assert mesh.type == "MESH" and mesh != cube
    assert bpy.context.selected_objects == [mesh] == [bpy.context.view_layer.objects.active]


def test_show_frames_what_it_selected(folder, cube, window):
    api.import_result(folder)
    select(cube)
    shown = show_result(folder.name, window)
    assert window.framed == [shown]


def test_show_says_why_nothing_can_be_shown_and_leaves_the_selection(folder, cube, window):
    select(cube)
    with pytest.raises(SjcError, match="not in this scene"):
        show_result(folder.name, window)
    for obj in api.import_result(folder):
        obj.hide_viewport = True
    select(cube)
    with pytest.raises(SjcError, match="hidden"):
        show_result(folder.name, window)
    assert bpy.context.selected_objects == [cube] and not window.framed


def test_an_export_says_where_the_file_is(folder, tmp_path, capfd):
    api.import_result(folder)
    target = tmp_path / "Stuhl ü.ply"
    assert bpy.ops.sjc.export_result(filepath=str(target)) == {"FINISHED"}
    assert target.is_file()
    assert f"Info: Exported to {target}" in capfd.readouterr().out


def test_recalled_settings_are_said_to_be(folder, capfd):
    api.agree(folder)
    bpy.context.scene.sjc.prompt = "something else"
    assert bpy.ops.sjc.recall(folder=str(folder)) == {"FINISHED"}
    assert "Info: The settings are those of a red chair" in capfd.readouterr().out


def test_a_batch_is_cancelled_only_after_a_question_that_names_it(asked, monkeypatch):
    cancelled = []
    batch = SimpleNamespace(name="chairs", entries=[1, 2, 3], ended=1, cancel=lambda: cancelled.append(True))
    monkeypatch.setattr(batch_operators.batches, "latest", batch)
    cancel = batch_operators.SJC_OT_batch_cancel
    assert cancel.invoke(SimpleNamespace(), asked.context, None) == {"RUNNING_MODAL"}
    assert "chairs: 2 jobs are not done" in asked.questions[0]["message"] and not cancelled
    assert bpy.ops.sjc.batch_cancel() == {"FINISHED"} and cancelled
    monkeypatch.setattr(batch_operators.batches, "latest", None)
    assert cancel.invoke(SimpleNamespace(), asked.context, None) == {"CANCELLED"}
    assert len(asked.questions) == 1


def test_a_job_is_deleted_only_after_a_question_that_names_it(asked, folder):
    delete = history_operators.SJC_OT_delete_job
    assert delete.invoke(SimpleNamespace(folder=str(folder)), asked.context, None) == {"RUNNING_MODAL"}
    (question,) = asked.questions
    assert "a red chair" in question["message"] and "seed 7" in question["message"]
    assert (folder / "job.json").is_file()
    assert bpy.ops.sjc.delete_job(folder=str(folder)) == {"FINISHED"}
    assert not folder.exists()


@pytest.mark.parametrize(("browser", "said"), [(True, "Info: The manual: "), (False, "No web browser was found.")])
def test_the_manual_says_its_path_with_and_without_a_browser(browser, said, tmp_path, monkeypatch, capfd):
    manual = tmp_path / "index.html"
    manual.write_text("<p>Manual</p>")
    monkeypatch.setattr(menus, "MANUAL", manual)
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or browser)
    assert bpy.ops.sjc.open_manual() == {"FINISHED"}
    assert opened == [manual.as_uri()]
    printed = capfd.readouterr().out
    assert said in printed and str(manual) in printed
