"""The batch in the sidebar: what its buttons do, and what it shows."""

from types import SimpleNamespace

import bpy
import pytest

from sjc_blender.addon import window_events
from sjc_blender.addon.batch import batch as batches
from sjc_blender.addon.jobs import pump
from sjc_blender.addon.jobs.job_queue import QUEUE
from sjc_blender.addon.ui.batch import batch_operators, batch_panel
from tests.addon.drawn_layout import Layout, context


@pytest.fixture
def settings(addon, scene, monkeypatch, tmp_path):
    """Give a scene's batch, with a list of two prompts, in a file that has a folder."""
    monkeypatch.setattr(batches, "latest", None)
    monkeypatch.setattr(batch_operators, "verdict", None)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.sjc.batch_new_text()
    return bpy.context.scene.sjc_batch


@pytest.fixture
def drawn(monkeypatch):
    """Give what the panel shows now."""
    monkeypatch.setattr(
        batch_panel, "draw_sentences", lambda layout, context, text, icon="NONE", **_: layout.label(text=text)
    )

    def draw():
        layout = Layout()
        batch_panel.SJC_PT_batch.draw(SimpleNamespace(layout=layout), context())
        return layout

    return draw


def test_check_and_run(settings, drawn, as_in_a_window):
    settings.seeds = "1, 2"
    settings.id_data.sjc.make_mesh = False
    assert bpy.ops.sjc.batch_check() == {"FINISHED"}
    assert any("of 4 jobs 4 missing. No faults." in text for text in drawn().texts())
    assert not QUEUE.jobs
    assert bpy.ops.sjc.batch_run() == {"FINISHED"}
    layout = drawn()
    assert "0 of 4" in layout.texts("progress") and "sjc.batch_cancel" in layout.operators()
    pump.run_until_ended(*QUEUE.jobs)
    assert "4 of 4" in drawn().texts("progress")
    assert len(bpy.context.scene.objects) == 4
    bpy.ops.sjc.batch_run()
    assert any("nothing to do" in text for text in drawn().texts())


def test_every_fault_is_shown_until_it_is_dismissed(settings, drawn):
    settings.text.clear()
    settings.text.write("prompt,seed\na red dragon,\na red chair,-1\n")
    with pytest.raises(RuntimeError, match="2 faults"):
        bpy.ops.sjc.batch_run()
    texts = drawn().texts()
    assert "2 faults, nothing started" in texts
    assert any(text.startswith("row 3, column seed: -1") for text in texts)
    bpy.ops.sjc.batch_dismiss()
    assert "2 faults, nothing started" not in drawn().texts()


def test_cancel_and_retry(settings, drawn, as_in_a_window):
    settings.id_data.sjc.negative_prompt = "patient"
    bpy.ops.sjc.batch_run()
    bpy.ops.sjc.batch_cancel()
    pump.run_until_ended(*QUEUE.jobs)
    assert "sjc.batch_retry" in drawn().operators()
    bpy.ops.sjc.batch_retry()
    assert "sjc.batch_cancel" in drawn().operators()
    batches.latest.cancel(now=True)
    batches.latest.wait()


def test_a_list_is_needed(settings):
    settings.text = None
    assert not bpy.ops.sjc.batch_run.poll() and not bpy.ops.sjc.batch_check.poll()
    settings.kind, settings.path = "FILE", "//nothing.csv"
    with pytest.raises(RuntimeError, match="does not exist"):
        bpy.ops.sjc.batch_check()


def test_seeds_are_numbers(settings):
    settings.seeds = "one"
    with pytest.raises(RuntimeError, match="whole numbers"):
        bpy.ops.sjc.batch_check()


def test_a_new_list_of_prompts_is_opened_in_a_text_editor(addon, monkeypatch):
    space = SimpleNamespace(text=None)
    area = SimpleNamespace(type="TEXT_EDITOR", spaces=SimpleNamespace(active=space))
    window = SimpleNamespace(screen=SimpleNamespace(areas=[area]))
    with_a_window = SimpleNamespace(
        context=SimpleNamespace(window=window, window_manager=SimpleNamespace(windows=[window])),
        app=SimpleNamespace(background=False),
    )
    monkeypatch.setattr(window_events, "bpy", with_a_window)
    bpy.ops.sjc.batch_new_text()
    assert space.text == bpy.context.scene.sjc_batch.text and "a red chair" in space.text.as_string()
