"""What is said about a rig, before minutes are spent on it."""

import dataclasses
import json
import math
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

import sjc_blender
from sjc_blender.addon import api
from sjc_blender.addon.commands import command_line
from sjc_blender.addon.jobs.start import start
from sjc_blender.addon.rigs import coverage_display, rig_watch
from sjc_blender.addon.rigs.coverage import Sphere, directions_of
from sjc_blender.addon.rigs.rig_report import report_on
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.profile_content import Orbit
from sjc_blender.protocol.spec import Camera, CameraRig, DomainSpec, OrbitRig

PROFILE = dataclasses.replace(load_profile("some/model"), orbit=Orbit((2, 2), (-5, 65), (57, 65)))
HALF = math.tan(math.radians(30))


def camera(azimuth, elevation=20.0, distance=2.0, half=HALF, name="", shift=0.0, **fields):
    a, e = math.radians(azimuth), math.radians(elevation)
    right = (math.cos(a), math.sin(a), 0.0)
    up = (-math.sin(e) * math.sin(a), math.sin(e) * math.cos(a), math.cos(e))
    back = (math.cos(e) * math.sin(a), -math.cos(e) * math.cos(a), math.sin(e))
    pose = tuple((r, u, b, distance * b) for r, u, b in zip(right, up, back, strict=True))
    window = (-half + shift, half + shift, -half, half)
    return Camera(name or f"at {azimuth}", (*pose, (0.0, 0.0, 0.0, 1.0)), window, **fields)


def all_around(count=24):
    return [camera(i * 137.5 % 360, -5 + 70 * (i + 0.5) / count, name=f"C{i}") for i in range(count)]


def report(cameras, *, jitter=0.0, domain=None, **options):
    rig = CameraRig(tuple(cameras), jitter=jitter)
    return report_on(rig, domain or DomainSpec(), PROFILE, **options)


def codes(made):
    return {finding.code for finding in made.findings}


def test_six_cameras_at_the_front_are_told_that_nothing_sees_the_back():
    made = report([camera(azimuth) for azimuth in (-50, -30, -10, 10, 30, 50)])
    side = made.blind_sides[0]
    assert side.name == "the back (+Y)"
    assert side.azimuth == pytest.approx((95, 265), abs=10)
    assert made.headline == "Nothing sees the back (+Y)"
    assert any(text.startswith("Nothing sees the back (+Y): azimuth ") for text in made.warnings)
    assert 0.3 < made.seen < 0.6


def test_a_good_rig_and_the_models_own_orbit_have_nothing_to_say():
    for rig in (
        CameraRig(tuple(all_around()), jitter=10.0),
        OrbitRig(distance=(2, 2), elevation=(-5, 65), field_of_view=(57, 65)),
    ):
        made = report_on(rig, DomainSpec(), PROFILE)
        assert made.findings == () and made.blind_sides == ()
        assert made.headline == "Sees every side that the model knows"
        assert made.seen_of_model == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 90), (20, 0), (180, 45), (-100, -70)])
def test_one_camera_sees_a_cap_of_45_degrees_wherever_it_stands(azimuth, elevation):
    seen = Sphere.area[Sphere.seen_from(directions_of(CameraRig((camera(azimuth, elevation),))))].sum()
    assert seen == pytest.approx((1 - math.cos(math.radians(45))) / 2, abs=0.01)
    assert Sphere.area.sum() == pytest.approx(1)


def test_jitter_widens_what_is_seen_by_as_much():
    row = np.abs(Sphere.elevation - 2.5).argmin()
    for jitter in (0.0, 15.0, 30.0):
        seen = Sphere.seen_from(directions_of(CameraRig((camera(0, 0),), jitter=jitter)))
        assert seen[row].sum() * 5 == pytest.approx(2 * (45 + jitter), abs=10)


@pytest.mark.parametrize(
    ("missing", "name"),
    [(0, "the front (-Y)"), (90, "the +X side"), (180, "the back (+Y)"), (270, "the -X side")],
)
def test_each_side_has_its_name(missing, name):
    around = [camera((missing + turn) % 360, 25) for turn in (100, 140, 180, 220, 260)]
    assert report(around).blind_sides[0].name == name


def test_a_top_that_nothing_sees_goes_all_around():
    low = [camera(azimuth, -5) for azimuth in range(0, 360, 15)]
    side = report(low).blind_sides[0]
    assert (side.name, side.azimuth) == ("the top", None)
    assert str(side).startswith("the top: elevation 40")
    # With few cameras its rim is lower between them; no side lies below a camera that looks straight at it.
    four = [camera(azimuth, 15) for azimuth in (0, 90, 180, 270)]
    side = report(four).blind_sides[0]
    assert (side.name, side.azimuth) == ("the top", None)


@pytest.mark.parametrize(
    ("odd", "code", "words"),
    [
        (camera(0, half=0.2, name="Odd"), "cropped", "'Odd' sees only part of the domain"),
        (camera(0, shift=0.7, name="Odd"), "cropped", "'Odd' sees only part"),
        (camera(0, distance=4.0, name="Odd"), "far", "'Odd' sees the domain smaller than the model knows"),
        (camera(0, 85, name="Odd"), "above", "'Odd' looks from higher than the model knows (elevation -5 to 65)"),
        (camera(0, -40, name="Odd"), "below", "'Odd' looks from lower"),
        (camera(0, weight=0.001, name="Odd"), "starved", "'Odd' is hardly drawn: once in 24001 steps"),
        (camera(0, weight=0.0, name="Odd"), "off", "'Odd' has the weight 0"),
        (camera(35, 30, 1.6, HALF * 2 / 1.6, name="Odd"), "inside", "'Odd' into the domain"),
    ],
)
def test_a_camera_that_does_not_fit_is_named(odd, code, words):
    made = report([*all_around(), odd], jitter=10.0 if code == "inside" else 0.0)
    if code == "inside":
        # It stands before a wall of the box, near a corner.
        assert max(abs(odd.pose[axis][3]) for axis in range(3)) > 1
    assert codes(made) == {code}
    assert words in made.findings[0].text


def test_parallel_cameras_are_judged_by_what_they_show():
    flat = [camera(i * 30, 20, 9.0, 1.1, projection="orthographic") for i in range(12)]
    assert "cropped" not in codes(report(flat)) and "far" not in codes(report(flat))
    assert "cropped" in codes(report([dataclasses.replace(c, window=(-0.3, 0.3, -0.3, 0.3)) for c in flat]))


def test_one_elevation_is_told():
    made = report([camera(azimuth, 20) for azimuth in range(0, 360, 20)])
    assert any("about one elevation, 20" in text for text in made.warnings)


def test_a_render_that_is_not_square_says_what_is_cropped():
    texts = [finding.text for finding in report(all_around(), picture=(1920, 1080)).findings]
    assert texts == [
        "The render is 1920 x 1080; the model sees its centred square, 1080 x 1080: "
        "420 pixels at the left and right are cropped."
    ]
    assert report(all_around(), picture=(600, 600)).findings == ()


def test_a_region_is_judged_by_its_ranges():
    made = report_on(
        OrbitRig(distance=(1, 5), azimuth=(150, 250), elevation=(80, 85), field_of_view=(30, 60)), DomainSpec(), PROFILE
    )
    assert {"cropped", "far", "elevation", "one_elevation", "blind_side"} == codes(made)


def test_a_region_that_crops_the_domain_is_warned_of_as_cameras_are():
    usual = {"elevation": (-5, 65), "field_of_view": (57, 65)}
    assert not report_on(OrbitRig(distance=(2, 2), **usual), DomainSpec(), PROFILE).warnings
    # One lens of the region is long: the domain's rim is out of the picture.
    narrow = OrbitRig(distance=(2, 2), elevation=(-5, 65), field_of_view=(30, 65))
    found = report_on(narrow, DomainSpec(), PROFILE).findings
    assert [finding.code for finding in found if finding.code in {"cropped", "near"}] == ["cropped"]
    assert "only part of the domain" in found[0].text
    # Only from the side is this domain too long.
    long = DomainSpec(half_extents=(0.3, 1.0, 0.3))
    front = OrbitRig(distance=(2, 2), azimuth=(0, 0), elevation=(0, 0), field_of_view=(40, 40))
    side = OrbitRig(distance=(2, 2), azimuth=(90, 90), elevation=(0, 0), field_of_view=(40, 40))
    codes = [{finding.code for finding in report_on(rig, long, PROFILE).findings} for rig in (front, side)]
    assert "cropped" not in codes[0] and "cropped" in codes[1]


def test_the_worst_trouble_is_told_first():
    near = [camera(azimuth, half=0.2, name=f"Near {azimuth}") for azimuth in range(0, 360, 15)]
    made = report([*all_around()[:3], *near])
    assert made.findings[0].code == "cropped", "nearly all of the draws"
    assert made.headline == made.findings[0].text.rstrip(".")
    shares = [finding.share for finding in made.findings if finding.severity == "warning"]
    assert shares == sorted(shares, reverse=True)


def test_the_shares_of_the_view_texts():
    views = report([camera(0, weight=3.0), camera(180), camera(90, view_text="a cave")]).views
    assert views == pytest.approx({"front view of {prompt}": 0.6, "backside view of {prompt}": 0.2, "a cave": 0.2})


# ---- In Blender ----------------------------------------------------------------------------------------------------


@pytest.fixture
def addon(scene):
    sjc_blender.register()
    scene.render.resolution_x = scene.render.resolution_y = 512
    yield scene
    sjc_blender.unregister()


def front_only(scene):
    bpy.ops.sjc.add_rig(count=40)
    for obj in [o for o in scene.sjc.cameras.all_objects if o.type == "CAMERA"]:
        if obj.matrix_world.translation.y > -0.5:
            bpy.data.objects.remove(obj)
    bpy.context.view_layer.update()


def test_the_added_rig_is_good(addon):
    bpy.ops.sjc.add_rig()
    made = api.rig_report()
    assert made.viewpoints == 24 and made.findings == ()
    assert made.seen_of_model > 0.97


def test_the_api_the_panel_and_the_command_line_say_the_same(addon, capfd):
    front_only(addon)
    made = api.rig_report()
    assert made.headline == "Nothing sees the back (+Y)"
    assert api.rig_report("ORBIT").findings == ()
    rig_watch.look(addon)
    assert rig_watch.current(addon).rig.report == made and rig_watch.current(addon).fresh
    assert command_line.main(["rig", "--json"]) == 0
    told = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert told["headline"] == made.headline and told["blind_sides"][0]["name"] == "the back (+Y)"
    assert command_line.main(["rig", "--rig", "ORBIT"]) == 0
    assert "an orbit, elevation -5 to 83" in capfd.readouterr().out
    assert command_line.main(["rig", "--rig", "Nobody"]) == 2


def test_a_change_of_the_scene_makes_the_last_look_stale(addon):
    bpy.ops.sjc.add_rig(count=8)
    rig_watch.look(addon)
    assert rig_watch.current(addon).fresh
    addon.sjc.domain.location.x += 1
    bpy.context.view_layer.update()
    assert not rig_watch.current(addon).fresh
    rig_watch.look(addon)
    addon.sjc.jitter = 0.1
    assert not rig_watch.current(addon).fresh


def test_what_hinders_the_rig_is_kept_for_the_panel(addon):
    addon.sjc.rig, addon.sjc.cameras = "CAMERAS", bpy.data.collections.new("Empty")
    look = rig_watch.look(addon)
    assert look.rig is None and look.error.code == "no_cameras"


def test_a_job_is_warned_of_its_rig(addon, tmp_path, monkeypatch):
    from sjc_blender.addon.jobs import start as start_module
    from sjc_blender.protocol.job_folder import JobFolder
    from sjc_blender.protocol.presets import new_job

    monkeypatch.setattr(start_module.job_queue.QUEUE, "submit", lambda job: None)
    spec = new_job("a red chair", cameras=CameraRig(tuple(camera(a) for a in (-20, 0, 20))))
    job = start(JobFolder(tmp_path), spec, tmp_path, addon, import_results=False, notes=["Mind the gap."])
    assert job.warnings[0] == "Mind the gap."
    assert any(text.startswith("Nothing sees") for text in job.warnings)
    orbit = start(JobFolder(tmp_path), new_job("a red chair"), tmp_path, addon, import_results=False)
    assert orbit.warnings == []


# ---- The display ---------------------------------------------------------------------------------------------------


def test_the_display_comes_and_goes_any_number_of_times(addon, monkeypatch):
    added, removed = [], []
    space = SimpleNamespace(
        draw_handler_add=lambda *a: added.append(a) or len(added),
        draw_handler_remove=lambda handle, _region: removed.append(handle),
    )
    monkeypatch.setattr(
        coverage_display,
        "bpy",
        SimpleNamespace(app=SimpleNamespace(background=False), types=SimpleNamespace(SpaceView3D=space)),
    )
    for _ in range(2):
        coverage_display.show()
        coverage_display.show()
        assert coverage_display._handlers and len(added) - len(removed) == 2
        coverage_display.hide()
        coverage_display.hide()
        assert not coverage_display._handlers and len(added) == len(removed)
    assert sorted(removed) == [1, 2, 3, 4]


def test_nothing_is_drawn_in_the_background(addon):
    bpy.context.window_manager.sjc_show_coverage = True
    assert not coverage_display._handlers
    bpy.context.window_manager.sjc_show_coverage = False


def test_the_dots_tell_seen_from_blind(addon):
    front_only(addon)
    corners, colours = coverage_display._dots(rig_watch.look(addon).rig)
    places = corners[::6]
    blind = np.abs(colours[::6, :3] - coverage_display.BLIND).max(axis=1) < 1e-6
    assert 0.1 < blind.mean() < 0.6
    assert places[blind][:, 1].mean() > 0.5 and places[~blind][:, 1].mean() < -0.1
    lines, _ = coverage_display._cones(rig_watch.look(addon).rig)
    cameras = [o for o in addon.sjc.cameras.all_objects if o.type == "CAMERA"]
    assert len(lines) == 16 * len(cameras)
