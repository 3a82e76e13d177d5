"""A sidebar that is drawn narrow cuts no sentence: what is longer than a line goes on in the next one."""

from types import SimpleNamespace

import blf
import bpy
import pytest

import sjc_blender
from sjc_blender.addon.environment.engine_keeper import Status
from sjc_blender.addon.jobs.job_records import read_record
from sjc_blender.addon.rigs import rig_watch
from sjc_blender.addon.rigs.length_text import length_text
from sjc_blender.addon.ui.environment import environment_panel
from sjc_blender.addon.ui.history import history_panel
from sjc_blender.addon.ui.job import main_panel
from sjc_blender.addon.ui.rigs import rig_panel
from sjc_blender.addon.ui.shared import choices
from sjc_blender.protocol.spec import JobSpec
from tests.addon.drawn_layout import Layout, context

from .test_standing import block, table

NARROW = 220
"""Pixels; Blender lets a sidebar be drawn to about that."""

LONG = "a red velvet armchair with brass nails on a turned walnut frame, in the manner of the eighteenth century"


@pytest.fixture(autouse=True)
def addon(scene):
    sjc_blender.register()
    yield
    sjc_blender.unregister()


def shares(layout, width):
    """Every label, with the pixels that there are for it: the first part of a split has its share."""
    for number, (kind, _, options, made) in enumerate(layout.inside):
        own = width
        if layout.kind == "split":
            own = width * (layout.factor if number == 0 else 1 - layout.factor)
        if kind == "label":
            yield options.get("text", ""), own
        elif isinstance(made, Layout):
            made.factor = options.get("factor", 0.5)
            yield from shares(made, own)


def cut(draw):
    """Draw narrow; give the labels that do not fit."""
    layout = Layout()
    around = context(NARROW)
    draw(layout, around)
    blf.size(0, around.preferences.ui_styles[0].widget.points)
    labels = list(shares(layout, NARROW))
    assert labels
    return [text for text, width in labels if blf.dimensions(0, text)[0] > width]


def panel(cls):
    return lambda layout, around: cls.draw(SimpleNamespace(layout=layout), around)


def our_panels():
    kinds = bpy.types.Panel.__subclasses__()
    found = {kind for kind in kinds if kind.__name__.startswith("SJC_PT_") and hasattr(kind, "draw")}
    return sorted(found, key=lambda kind: kind.__name__)


def test_every_panel_of_a_new_file_fits():
    assert {"SJC_PT_main", "SJC_PT_viewpoints", "SJC_PT_domain", "SJC_PT_history"} <= {p.__name__ for p in our_panels()}
    for cls in our_panels():
        layout = Layout()
        around = context(NARROW)
        if getattr(cls, "bl_space_type", "") != "VIEW_3D" or not getattr(cls, "poll", lambda _: True)(around):
            continue
        cls.draw(SimpleNamespace(layout=layout), around)
        blf.size(0, 11)
        too_long = [text for text, width in shares(layout, NARROW) if blf.dimensions(0, text)[0] > width]
        assert not too_long, (cls.__name__, too_long)


def test_what_the_rig_sees_fits(scene):
    bpy.ops.sjc.add_rig(count=24)
    rig_watch.look(scene)
    assert cut(panel(rig_panel.SJC_PT_rig_report)) == []


@pytest.mark.parametrize("rig", ["ORBIT", "REGION"])
def test_the_domains_default_fits_and_follows_the_units(scene, rig):
    scene.sjc.rig = rig
    scene.unit_settings.length_unit = "MILLIMETERS"
    assert cut(panel(rig_panel.SJC_PT_domain)) == []
    layout = Layout()
    rig_panel.SJC_PT_domain.draw(SimpleNamespace(layout=layout), context())
    assert "2000 mm" in " ".join(layout.texts())


def test_a_job_of_the_history_fits(finished_job):
    folder = finished_job(JobSpec(LONG, seed=123456789, preset="draft"), field=block(), mesh=table())
    record = read_record(folder.path)
    assert record is not None
    assert cut(lambda layout, around: history_panel._draw_record(layout.box(), around, record)) == []


def test_a_set_up_fits_and_its_cancel_stands_above_what_changes():
    state = SimpleNamespace(
        status=Status.SETTING_UP,
        stage=SimpleNamespace(
            number=2,
            count=5,
            fraction=0.3,
            name="Downloading the packages of the engine, which are large",
            done=1.5e9,
            total=3e9,
            detail="nvidia-cudnn-cu12 of a version that is new, from the index of packages",
        ),
    )
    layouts = []

    def draw(layout, around):
        layouts.append(layout)
        environment_panel._draw_setup(layout, around, state)

    assert cut(draw) == []
    (layout,) = layouts
    kinds = [kind for kind, *_ in layout.inside]
    assert kinds.index("operator") < 2


@pytest.mark.parametrize(
    ("system", "unit", "scale", "expected"),
    [
        ("METRIC", "METERS", 1.0, "2 m"),
        ("METRIC", "CENTIMETERS", 1.0, "200 cm"),
        ("METRIC", "METERS", 0.01, "0.02 m"),
        ("METRIC", "ADAPTIVE", 0.01, "2 cm"),
        ("IMPERIAL", "FEET", 1.0, "6.562 ft"),
        ("IMPERIAL", "INCHES", 1.0, "78.74 in"),
        ("NONE", None, 1.0, "2"),
    ],
)
def test_lengths_are_said_in_the_units_of_the_scene(scene, system, unit, scale, expected):
    scene.unit_settings.system, scene.unit_settings.scale_length = system, scale
    if unit is not None:
        scene.unit_settings.length_unit = unit
    assert length_text(2.0, scene) == expected


SIDEBAR = 243
"""Pixels of the narrowest sidebar that Blender 5.2 allows beside its tabs; 56 of them are tabs and edges."""


def test_the_presets_go_on_in_a_second_row_where_their_names_do_not_fit(scene):
    columns = {}
    for width in (SIDEBAR, 292, 640):
        layout = Layout()
        main_panel.SJC_PT_main.draw(SimpleNamespace(layout=layout), context(width))
        grids = [options["columns"] for kind, _, options, _ in layout.drawn if kind == "grid_flow"]
        columns[width] = grids[0] if grids else 4
    assert columns == {SIDEBAR: 2, 292: 4, 640: 4}


def test_choices_beside_their_name_become_a_menu_where_they_do_not_fit(scene):
    drawn = {}
    for width in (SIDEBAR, 640):
        layout = Layout()
        layout.use_property_split = True
        choices.draw_choices(layout, context(width), scene.sjc_batch, "place")
        drawn[width] = [options.get("expand", False) for kind, _, options, _ in layout.drawn if kind == "prop"]
    assert drawn == {SIDEBAR: [False], 640: [True]}
