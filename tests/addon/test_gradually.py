"""Buttons whose work takes longer than a moment."""

import threading
from types import SimpleNamespace

import bpy
import pytest

import sjc_blender
from sjc_blender.addon import clock
from sjc_blender.addon.rigs import rig_building
from sjc_blender.addon.rigs.animation import path_cameras, path_steps
from sjc_blender.addon.rigs.rig_choice import RigChoice
from sjc_blender.addon.ui.rigs.rig_operators import SJC_OT_check_rig
from sjc_blender.addon.ui.shared import gradually
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.spec import DomainSpec
from tests.addon.drawn_layout import Layout, context


@pytest.fixture(autouse=True)
def addon(scene):
    sjc_blender.register()
    yield
    sjc_blender.unregister()


@pytest.fixture
def moving(scene):
    """Give a scene whose camera goes past the domain."""
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.rotation_euler.x = 1.5707963
    scene.collection.objects.link(camera)
    scene.camera = camera
    for frame, x in ((1, -1.0), (20, 1.0)):
        camera.location = (x, -4.0, 0.0)
        camera.keyframe_insert("location", frame=frame)
    scene.frame_end = 20
    scene.frame_set(5)
    return scene


class Window:
    """Stands for a window's event loop: timers fire when a test says so."""

    background = False

    def __init__(self):
        self.timers = self
        self.due = []

    def register(self, function, first_interval=0.0, persistent=False):
        self.due.append(function)

    def is_registered(self, function):
        return function in self.due

    def unregister(self, function):
        self.due.remove(function)

    def is_job_running(self, _):
        return False

    def turn(self):
        clock._due.update(dict.fromkeys(clock._due, 0.0))
        self.due = [function for function in self.due if function() is not None]


@pytest.fixture
def window(monkeypatch):
    window = Window()
    monkeypatch.setattr(gradually.bpy, "app", window)
    monkeypatch.setattr(gradually, "MOMENT", 0.0)
    yield window
    gradually.forget()
    monkeypatch.undo()


def test_a_path_played_in_steps_is_the_path_and_leaves_the_scene_alone_between_them(moving):
    choice, box = RigChoice("ANIMATION", samples=12), DomainSpec()
    steps = path_steps(choice, box, moving, seconds=0.0)
    turns, place = 0, moving.camera.location.copy()
    cameras = ()
    while not cameras:
        try:
            next(steps)
            turns += 1
            assert (moving.frame_current, moving.camera.location) == (5, place)
        except StopIteration as end:
            cameras = end.value
    assert turns == 12
    assert cameras == path_cameras(choice, box, moving)


def test_a_scene_that_goes_away_between_two_steps_is_told(moving):
    steps = path_steps(RigChoice("ANIMATION", samples=12), DomainSpec(), moving, seconds=0.0)
    next(steps)
    bpy.data.scenes.new("Other")
    bpy.data.scenes.remove(moving)
    with pytest.raises(SjcError) as caught:
        next(steps)
    assert caught.value.code == "scene_missing"


def counted(steps, seen):
    """Give a generator each step of which fills a moment, on the main thread."""
    for _ in range(steps):
        seen.append(threading.current_thread())
        yield
    return "all"


def test_work_is_spread_over_turns_of_the_event_loop_and_told_at_its_end(window):
    seen, told = [], []
    gradually.gradually("work", counted(3, seen), told.append, told.append)
    assert seen == [] and "work" in gradually.running
    gradually.gradually("work", counted(9, seen), told.append, told.append)
    for _ in range(4):
        assert told == []
        window.turn()
    assert told == ["all"] and seen == [threading.main_thread()] * 3
    assert "work" not in gradually.running and window.due == []


def test_an_error_is_told_and_the_same_can_begin_again(window):
    def fails():
        yield
        raise SjcError("no", "It cannot be.", "")

    told = []
    gradually.gradually("work", fails(), told.append, lambda error: told.append(error.code))
    window.turn()
    window.turn()
    assert told == ["no"] and "work" not in gradually.running


def test_another_file_ends_what_is_under_way(window):
    told = []
    gradually.gradually("work", counted(3, []), told.append, told.append)
    gradually.forget()
    assert window.due == [] and gradually.running == {}


def test_generate_in_a_window_plays_the_path_first_and_tells_what_is_wrong_with_it(moving, monkeypatch):
    from sjc_blender.addon.ui.job import generate_operators
    from sjc_blender.addon.ui.shared import camera_path

    begun = []
    monkeypatch.setattr(
        generate_operators.api, "submit", lambda request, scene, **_: begun.append(request.rig) or 1 / 0
    )
    moving.sjc.rig = "ANIMATION"
    moving.sjc.domain = rig_building.add_domain(moving)
    monkeypatch.setattr(gradually, "MOMENT", 1.0)
    with pytest.raises(ZeroDivisionError):
        camera_path.play(moving, generate_operators._generate_later, generate_operators._refuse)
    (rig,) = begun
    assert len(rig.played) == moving.sjc.path_views
    moving.camera.keyframe_delete("location", frame=1)
    moving.camera.keyframe_delete("location", frame=20)
    moving.camera.location = (0.0, 0.0, 50.0)
    moving.camera.rotation_euler.x = 3.1415926
    camera_path.play(moving, generate_operators._generate_later, generate_operators._refuse)
    assert generate_operators.refusal is not None and generate_operators.refusal.code == "unusable_cameras"
    generate_operators.refusal = None


def test_check_path_shows_how_far_it_is_in_the_buttons_place(moving, window):
    from sjc_blender.addon.ui.rigs import rig_panel
    from sjc_blender.addon.ui.shared import camera_path

    def shown():
        layout = Layout()
        rig_panel.SJC_PT_viewpoints.draw(SimpleNamespace(layout=layout), context())
        return layout.texts("progress"), "sjc.check_rig" in layout.operators()

    moving.sjc.rig = "ANIMATION"
    moving.sjc.domain = rig_building.add_domain(moving)
    assert shown() == ([], True)
    SJC_OT_check_rig.execute(SimpleNamespace(), context())
    shares = []
    while camera_path.playing():
        texts, button = shown()
        assert texts == [f"{camera_path.progress:.0%}"] and not button
        shares.append(camera_path.progress)
        window.turn()
    assert shares == sorted(shares) and len(set(shares)) > 5 and shares[0] == 0.0 and shares[-1] > 0.8
    assert shown() == ([], True)
