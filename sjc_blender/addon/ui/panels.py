"""The sidebar tab "SJC" of the 3D viewport."""

import bpy

from .. import api
from . import camera_path, operators
from .environment_panel import draw_missing_engine
from .job_panel import active_job, draw_jobs
from .properties import SJC_PG_settings
from .setting_presets import SJC_PT_setting_presets
from .wrapped_label import draw_sentences


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
        _draw_refusal(column, context)
        draw_jobs(column, context)


def _draw_refusal(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    if operators.refusal is None:
        return
    box = layout.box()
    row = box.row()
    title = row.row()
    title.alert = True
    title.label(text="The job did not start", icon="ERROR")
    row.operator("sjc.dismiss", text="", icon="X", emboss=False)
    draw_sentences(box, context, operators.refusal.message)
    if operators.refusal.hint:
        draw_sentences(box, context, operators.refusal.hint, "INFO")


CLASSES = (SJC_PT_main,)

register, unregister = bpy.utils.register_classes_factory(CLASSES)
