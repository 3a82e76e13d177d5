"""The add-on's one timer: what is due is called, whatever the others do, also after another file was loaded."""

from types import SimpleNamespace

import bpy
import pytest

from sjc_blender.addon import clock
from sjc_blender.addon.process_keeper import ProcessKeeper


@pytest.fixture
def window(monkeypatch):
    """Let the clock run as in a window, with Blender's own timers, which nothing calls here."""
    app = SimpleNamespace(background=False, timers=bpy.app.timers)
    monkeypatch.setattr(clock, "bpy", SimpleNamespace(app=app))
    yield
    clock.stop()


def turn():
    """Call everything that is scheduled, as if its time had come."""
    clock._due.update(dict.fromkeys(clock._due, 0.0))
    return clock._tick()


def test_nothing_is_registered_where_nothing_is_to_do(scene, window):
    clock.schedule(lambda: None)
    assert bpy.app.timers.is_registered(clock._tick)
    assert turn() is None, "Blender forgets a timer that returns None"


def test_a_cancelled_work_is_not_called_and_leaves_no_timer(scene, window):
    called = []
    work = called.append
    clock.schedule(work, 100.0)
    clock.cancel(work)
    assert not bpy.app.timers.is_registered(clock._tick)
    turn()
    assert not called


def test_the_timer_outlives_the_loading_of_a_file(scene, window):
    clock.schedule(lambda: None, 100.0)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    assert bpy.app.timers.is_registered(clock._tick)


def test_a_work_that_raises_holds_up_no_other_and_is_not_called_again(scene, window, capsys):
    called = []

    def fails():
        called.append("fails")
        raise ValueError("a fault")

    def goes_on():
        called.append("goes on")
        return 5.0

    clock.schedule(fails)
    clock.schedule(goes_on)
    assert 0.0 < turn() <= 5.0
    turn()
    assert called == ["fails", "goes on", "goes on"]
    assert "a fault" in capsys.readouterr().err


def test_a_work_may_cancel_another_and_schedule_a_third(scene, window):
    called = []

    def first():
        clock.cancel(second)
        clock.schedule(third)

    def second():
        called.append("second")

    def third():
        called.append("third")

    clock.schedule(first)
    clock.schedule(second)
    assert turn() == 0.0
    assert turn() is None
    assert called == ["third"]


def test_an_owner_whose_step_raises_is_asked_again_and_holds_up_no_other(capsys):
    keeper, called = ProcessKeeper(), []

    def fails():
        called.append("fails")
        raise ValueError("a fault")

    keeper.add(step=fails, busy=lambda: True)
    keeper.add(step=lambda: called.append("goes on"), busy=lambda: False)
    assert keeper._tick() and keeper._tick()
    assert called == ["fails", "goes on"] * 2
    assert "a fault" in capsys.readouterr().err
