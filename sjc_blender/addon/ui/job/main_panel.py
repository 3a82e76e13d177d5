# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidebar tab "SJC" of the 3D viewport."""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from ....protocol.presets import preset_names
from ... import api
from ...jobs import job_queue
from ...jobs.job_import import belongs_to
from ...rigs import occupied, rig_watch
from ..environment.environment_panel import draw_missing_engine
from ..settings.properties import SJC_PG_settings
from ..settings.setting_presets import SJC_PT_setting_presets
from ..shared import camera_path
from ..shared.choices import draw_choices
from ..shared.sidebar import Sidebar
from ..shared.wrapped_label import draw_sentences
from . import generate_operators
from .job_box import hide_text
from .job_panel import draw_jobs, draw_offers
from .job_status import model_title

NOT_STARTED = "The job did not start"

NUMBER_UNITS = 3
"""Width of the number of variations."""

DISMISS = 1.5
"""Width in units of the button that dismisses a message."""


IN_ITS_PLACE, COMES_THERE = "stands in its place", "will stand there"
LONGEST_NAME = 20
"""Most characters shown of a name."""


@dataclass(frozen=True)
class Place:
    """An obstacle in the place of the next object.

    Attributes
    ----------
    said : str
        What takes it, in a sentence; empty where nothing does.
    seen : str
        Name of the object that does; empty where that is one that is still being made.
    movable : bool
        Whether it is the 3D cursor's place.
    """

    said: str
    seen: str
    movable: bool

    @classmethod
    def of(cls, context: bpy.types.Context) -> Place:
        """Return the obstacle, according to the last evaluation and the live jobs."""
        settings: SJC_PG_settings = context.scene.sjc
        look = rig_watch.Look() if settings.rig_obstacle() else rig_watch.current(context.scene)
        layer = context.view_layer
        objects = (layer.objects.get(name) for name in look.in_the_way)
        seen = next((obj.name for obj in objects if obj is not None and obj.visible_get(view_layer=layer)), "")
        name, does = seen, IN_ITS_PLACE
        if not name and look.rig is not None:
            box = look.rig.domain
            live = (job for job in api.jobs() if job.live and belongs_to(job, context.scene))
            does = COMES_THERE
            name = next((job.spec.subject for job in live if occupied.meet(box, job.spec.domain)), "")
        said = f"{name[:LONGEST_NAME]} {does}" if name else ""
        return cls(
            said, seen, settings.domain is None and settings.rig == "ORBIT" and settings.proxy is settings.guide is None
        )


class SJC_PT_main(Sidebar, bpy.types.Panel):
    """The prompt, its settings, and the jobs."""

    bl_label = "Text to 3D"

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        """Show how far the running job is, also while the panel is closed, and the presets."""
        job = job_queue.QUEUE.active
        if job is not None and job.progress is not None:
            self.layout.label(text=f"{job.fraction:.0%}", translate=False)
        SJC_PT_setting_presets.draw_panel_header(self.layout)

    def draw(self, context: bpy.types.Context) -> None:
        """Show the prompt and its settings, the button, and the jobs."""
        layout = self.layout
        settings: SJC_PG_settings = context.scene.sjc
        draw_missing_engine(layout, context)
        column = layout.column()
        example = "A red chair" if settings.takes_prompt else "This model takes no prompt"
        column.prop(settings, "prompt", text="", placeholder=example)
        draw_choices(column, context, settings, "preset", [name.capitalize() for name in preset_names()])
        row = column.row(align=True)
        row.prop(settings, "seed")
        row.operator("sjc.random_seed", text="", icon="FILE_REFRESH")
        column.separator()
        row = column.row(align=True)
        row.scale_y = 1.6
        button = row.row(align=True)
        button.operator_context = "INVOKE_DEFAULT"  # shows the operator that the panel invoked it
        waits = any(job.live for job in api.jobs())
        label = "Preparing ..." if camera_path.playing() else "Add to Queue" if waits else "Generate"
        button.operator("sjc.generate", text=label, icon="SHADERFX")
        number = row.row(align=True)
        number.ui_units_x = NUMBER_UNITS
        number.prop(context.window_manager.sjc, "variations", text="")
        # Always: the line does not come and go while a prompt is written, or an engine is looked for.
        _draw_outlook(column, context)
        draw_jobs(column, context)
        _draw_refusal(column, context)
        draw_offers(column, context)


def _draw_outlook(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Say why no job can be started, or what stands where the object will be, or with what it will be made."""
    obstacle = generate_operators.obstacle(context.scene)
    if generate_operators.refusal is not None and not obstacle:
        obstacle = NOT_STARTED
    outlook = f"Ready. Model: {model_title(bpy.path.abspath(context.scene.sjc.model))}"
    place = Place.of(context)
    longest = f"{'W' * LONGEST_NAME} {IN_ITS_PLACE}"
    room = (camera_path.PLAYS, NOT_STARTED, "Write a prompt first", outlook, longest)
    said = obstacle or place.said
    draw_sentences(layout, context, said or outlook, "INFO" if said else "BLANK1", room=room)
    _draw_ways_out(layout, place)


def _draw_ways_out(layout: bpy.types.UILayout, place: Place) -> None:
    """Draw the buttons that make room or choose another place; always, so that nothing moves."""
    row = layout.row(align=True)
    aside = row.row(align=True)
    aside.enabled = place.movable and bool(place.said)
    aside.operator("sjc.beside", icon="CURSOR")
    hide = row.row(align=True)
    hide.enabled = bool(place.seen)
    hide.operator("sjc.hide_cover", text=hide_text(place.seen), icon="HIDE_ON", translate=False).name = place.seen


def _draw_refusal(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw why the last job did not start; below the jobs, whose buttons stay where they are."""
    if generate_operators.refusal is None:
        return
    box = layout.box()
    row = box.row()
    title = row.row()
    title.alert = True
    draw_sentences(title, context, NOT_STARTED, "ERROR", taken=DISMISS)
    row.operator("sjc.dismiss", text="", icon="X", emboss=False)
    draw_sentences(box, context, generate_operators.refusal.message)
    if generate_operators.refusal.hint:
        draw_sentences(box, context, generate_operators.refusal.hint, "INFO")
