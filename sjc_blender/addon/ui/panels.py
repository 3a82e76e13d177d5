"""The sidebar tab "SJC" of the 3D viewport."""

import bpy
from bpy.app.translations import pgettext_iface

from .. import api
from . import camera_path, operators
from .environment_panel import draw_missing_engine
from .job_panel import active_job, draw_jobs, draw_offers
from .job_status import model_title
from .properties import SJC_PG_settings
from .setting_presets import SJC_PT_setting_presets
from .wrapped_label import draw_sentences

NOT_STARTED = "The job did not start"

DISMISS = 1.5
"""Units of the button that puts a message away."""


class _Sidebar:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "SJC"


class SJC_PT_main(_Sidebar, bpy.types.Panel):
    """What to make, and how it gets on."""

    bl_label = "Text to 3D"

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        """Show how far the running job is, also while the panel is closed, and the presets."""
        job = active_job()
        if job is not None and job.progress is not None:
            self.layout.label(text=f"{job.fraction:.0%}")
        SJC_PT_setting_presets.draw_panel_header(self.layout)

    def draw(self, context: bpy.types.Context) -> None:
        """Show the prompt and its settings, the button, and the jobs."""
        layout = self.layout
        settings: SJC_PG_settings = context.scene.sjc
        draw_missing_engine(layout, context)
        column = layout.column()
        example = "A red chair" if settings.takes_prompt else "This model takes no prompt"
        column.prop(settings, "prompt", text="", placeholder=example)
        column.row().prop(settings, "preset", expand=True)
        row = column.row(align=True)
        row.prop(settings, "seed")
        row.operator("sjc.random_seed", text="", icon="FILE_REFRESH")
        column.separator()
        button = column.row()
        button.scale_y = 1.6
        button.operator_context = "INVOKE_DEFAULT"  # in this region, by which it knows that it was clicked here
        waits = any(job.live for job in api.jobs())
        label = "Preparing ..." if camera_path.playing() else "Add to Queue" if waits else "Generate"
        button.operator("sjc.generate", text=label, icon="SHADERFX")
        # Always: the line does not come and go while a prompt is written, or an engine is looked for.
        _draw_outlook(column, context)
        draw_jobs(column, context)
        _draw_refusal(column, context)
        draw_offers(column, context)


def _draw_outlook(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Say why no job can be started, or with what it will be made."""
    obstacle = operators.obstacle(context.scene)
    if operators.refusal is not None and not obstacle:
        obstacle = NOT_STARTED
    title = model_title(bpy.path.abspath(context.scene.sjc.model))
    outlook = str(pgettext_iface("Ready. Model: {name}")).replace("{name}", title)
    room = (operators.PATH_PLAYS, NOT_STARTED, "Write a prompt first", outlook)
    draw_sentences(layout, context, obstacle or outlook, "INFO" if obstacle else "BLANK1", room=room)


def _draw_refusal(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Say why; below the jobs, whose buttons stay where they are: the scene may have been played for it for a while."""
    if operators.refusal is None:
        return
    box = layout.box()
    row = box.row()
    title = row.row()
    title.alert = True
    draw_sentences(title, context, NOT_STARTED, "ERROR", taken=DISMISS)
    row.operator("sjc.dismiss", text="", icon="X", emboss=False)
    draw_sentences(box, context, operators.refusal.message)
    if operators.refusal.hint:
        draw_sentences(box, context, operators.refusal.hint, "INFO")


CLASSES = (SJC_PT_main,)

register, unregister = bpy.utils.register_classes_factory(CLASSES)
