"""Nothing of a window is touched where there is none: Blender would end on the spot."""

import ast
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

import sjc_blender.addon
from sjc_blender.addon import clock, registration, window_events
from sjc_blender.addon.jobs import job_import, pump
from sjc_blender.addon.ui.job import status_bar

ADDON = Path(sjc_blender.addon.__file__).parent
TOUCHES = {"windows", "workspace", "screen", "tag_redraw", "undo_push", "cursor_warp"}
"""Attributes that lead to a window, or act on the one of the context; those of status texts and cursors begin so."""

BEGIN = ("status_text_set", "cursor_", "progress_")


class Touched:
    """Stands for the bpy that knows windows; notes what is asked of them."""

    def __init__(self, *, background: bool, in_context: bool) -> None:
        self.log = []
        region = SimpleNamespace(type="UI", tag_redraw=lambda: self.log.append("sidebar"))
        area = SimpleNamespace(type="VIEW_3D", regions=[region], tag_redraw=lambda: self.log.append("area"))
        self.window = SimpleNamespace(
            screen=SimpleNamespace(areas=[area]),
            view_layer=SimpleNamespace(objects=SimpleNamespace(active=None)),
        )
        # Windows that came out of a file are there in any case.
        manager = SimpleNamespace(windows=[self.window, self.window])
        self.context = SimpleNamespace(window=self.window if in_context else None, window_manager=manager)
        self.app = SimpleNamespace(background=background, is_job_running=lambda _kind: False)
        self.types = bpy.types
        self.msgbus = SimpleNamespace(publish_rna=lambda key: self.log.append("status bars"))
        self.ops = SimpleNamespace(ed=SimpleNamespace(undo_push=lambda message: self.log.append(message)))


@pytest.fixture
def touched(monkeypatch):
    def make(**where) -> list[str]:
        made = Touched(**where)
        for module in (window_events, job_import):
            monkeypatch.setattr(module, "bpy", made)
        return made.log

    return make


def ask_everything() -> None:
    window_events.redraw_sidebars()
    window_events.redraw("VIEW_3D")
    window_events.redraw_status_bars()
    window_events.push_undo("step")


@pytest.mark.parametrize("background", [True, False])
def test_nothing_is_touched_without_a_window_in_the_context(touched, background):
    log = touched(background=background, in_context=False)
    ask_everything()
    assert log == [] and window_events.windows() == []


def test_no_window_is_touched_in_background_mode(touched):
    log = touched(background=True, in_context=True)
    ask_everything()
    assert log == ["step"] and window_events.windows() == [], "Blender as a module has undo"


def test_every_window_is_drawn_anew(touched):
    log = touched(background=False, in_context=True)
    ask_everything()
    assert log == ["sidebar", "sidebar", "area", "area", "status bars", "step"]


def test_a_timer_waits_for_a_window_and_a_result_too(touched):
    called = []
    timer = window_events.in_a_window(lambda: called.append("step"))
    touched(background=False, in_context=False)
    assert timer() == window_events.TURN_SECONDS and not called
    assert job_import.busy()
    touched(background=False, in_context=True)
    assert timer() is None and called == ["step"]
    assert not job_import.busy()
    touched(background=True, in_context=False)
    assert timer() is None and called == ["step", "step"]
    assert not job_import.busy()


def test_what_shows_jobs_has_status_bars_drawn_anew(scene):
    registration.register(status_bar)
    try:
        assert window_events.redraw_status_bars in pump.LISTENERS
    finally:
        registration.unregister(status_bar)


def attributes(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    overrides = {
        keyword.arg
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("temp_override")
        for keyword in node.keywords
    }
    touching = {name for name in names if name in TOUCHES or name.startswith(BEGIN)}
    return touching | (overrides & {"window", "area", "region"})


def test_one_module_alone_touches_windows():
    found = {path.relative_to(ADDON).as_posix(): attributes(path) for path in ADDON.rglob("*.py")}
    assert {name for name, touches in found.items() if touches} == {"window_events.py"}


def test_the_clock_alone_has_a_timer_and_it_waits_for_a_window():
    registers = [path for path in ADDON.rglob("*.py") if "timers.register(_" in path.read_text(encoding="utf-8")]
    assert [path.name for path in registers] == ["clock.py"]
    assert clock._tick.__wrapped__
