"""The sidebar tab "SJC" of the 3D viewport."""

import bpy

from .. import api
from ..jobs.job_queue import Job, JobState
from ..rigs.rig import JITTER_PROPERTY
from . import operators, previews
from .job_status import ICONS, bar_text, headline, rate_text, trouble
from .properties import SJC_PG_settings
from .wrapped_label import draw_sentences

UNIT = 20
"""Pixels of one unit of the interface, before its scale."""

PREVIEW_MARGIN = 3.0
LARGEST_PREVIEW = 14.0
"""In units."""


class _Sidebar:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "SJC"


class SJC_PT_main(_Sidebar, bpy.types.Panel):
    """What to make, and how it gets on."""

    bl_label = "Text to 3D"

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        """Show how far the running job is, also while the panel is closed."""
        running = [job for job in api.jobs() if job.state in {JobState.RUNNING, JobState.CANCELLING}]
        if running and running[0].progress is not None:
            self.layout.label(text=f"{running[0].fraction:.0%}")

    def draw(self, context: bpy.types.Context) -> None:
        """Show the prompt and its settings, the button, and the jobs."""
        layout = self.layout
        settings: SJC_PG_settings = context.scene.sjc
        column = layout.column()
        column.prop(settings, "prompt", text="", placeholder="A red chair")
        column.row().prop(settings, "preset", expand=True)
        row = column.row(align=True)
        row.prop(settings, "seed")
        row.operator("sjc.random_seed", text="", icon="FILE_REFRESH")
        column.separator()
        button = column.row()
        button.scale_y = 1.6
        waits = any(job.live for job in api.jobs())
        button.operator("sjc.generate", text="Add to Queue" if waits else "Generate", icon="SHADERFX")
        _draw_refusal(column, context)
        for job in _shown_jobs():
            _draw_job(column, context, job)


class SJC_PT_viewpoints(_Sidebar, bpy.types.Panel):
    """From where the object is looked at."""

    bl_label = "Viewpoints"
    bl_parent_id = "SJC_PT_main"

    def draw(self, context: bpy.types.Context) -> None:
        """Show the rig."""
        layout = self.layout
        settings: SJC_PG_settings = context.scene.sjc
        layout.row().prop(settings, "rig", expand=True)
        if settings.rig == "CAMERAS":
            column = layout.column()
            column.use_property_split = True
            column.use_property_decorate = False
            column.prop(settings, "cameras", text="Collection")
            if settings.cameras is not None and JITTER_PROPERTY in settings.cameras:
                column.prop(settings.cameras, f'["{JITTER_PROPERTY}"]', text="Jitter (degrees)")
            else:
                column.prop(settings, "jitter")
        layout.operator("sjc.add_rig", text="Add Camera Rig", icon="ADD")


class SJC_PT_domain(_Sidebar, bpy.types.Panel):
    """The box that the result fills."""

    bl_label = "Domain"
    bl_parent_id = "SJC_PT_main"

    def draw(self, context: bpy.types.Context) -> None:
        """Show the object whose box it is."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings: SJC_PG_settings = context.scene.sjc
        row = layout.row(align=True)
        row.prop(settings, "domain", text="Object")
        if settings.domain is None:
            row.operator("sjc.add_domain", text="", icon="ADD")
            split = layout.split(factor=0.4)
            split.separator()
            split.label(text="2 m at the origin")


class SJC_PT_output(_Sidebar, bpy.types.Panel):
    """What comes into the scene."""

    bl_label = "Output"
    bl_parent_id = "SJC_PT_main"

    def draw(self, context: bpy.types.Context) -> None:
        """Show the kinds of results."""
        settings: SJC_PG_settings = context.scene.sjc
        row = self.layout.row(align=True)
        row.prop(settings, "make_volume", toggle=True, icon="OUTLINER_OB_VOLUME")
        row.prop(settings, "make_mesh", toggle=True, icon="OUTLINER_OB_MESH")


def _shown_jobs() -> list[Job]:
    """The newest job and whatever else runs or waits, in the order in which they run."""
    jobs = api.jobs()
    return [job for job in jobs if job.live or job is jobs[-1]]


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


def _draw_job(layout: bpy.types.UILayout, context: bpy.types.Context, job: Job) -> None:
    box = layout.box()
    row = box.row()
    row.label(text=job.spec.prompt, icon=ICONS[job.state], translate=False)
    row.operator("sjc.open_folder", text="", icon="FILE_FOLDER", emboss=False).job = job.id
    column = box.column(align=True)
    column.label(text=headline(job))
    if job.live:
        _draw_progress(column, job)
    _draw_trouble(box, context, job)
    _draw_preview(box, context, job)
    _draw_ways_on(box, job)
    for warning in job.warnings:
        draw_sentences(box, context, warning, "INFO")


def _draw_progress(column: bpy.types.UILayout, job: Job) -> None:
    if job.progress is not None:
        column.progress(factor=job.fraction, text=bar_text(job))
        if rate_text(job):
            column.label(text=rate_text(job))
    stopping = job.state is JobState.CANCELLING
    stop = column.operator("sjc.cancel", text="Stop Now" if stopping else "Cancel", icon="X")
    stop.job, stop.now = job.id, stopping


def _draw_preview(box: bpy.types.UILayout, context: bpy.types.Context, job: Job) -> None:
    icon = previews.icon(job.preview) if job.preview is not None else 0
    if icon:
        units = context.region.width / context.preferences.system.ui_scale / UNIT
        box.template_icon(icon_value=icon, scale=min(units - PREVIEW_MARGIN, LARGEST_PREVIEW))


def _draw_trouble(box: bpy.types.UILayout, context: bpy.types.Context, job: Job) -> None:
    error = trouble(job)
    if error is not None:
        column = box.column()
        column.alert = True
        draw_sentences(column, context, error.message, "ERROR")
        if error.hint:
            draw_sentences(box, context, error.hint, "INFO")


def _draw_ways_on(box: bpy.types.UILayout, job: Job) -> None:
    if job.state is JobState.DONE and not job.imported and not job.awaits_import:
        box.operator("sjc.import_result", text="Import", icon="IMPORT").directory = str(job.folder.path)
    if job.state in {JobState.FAILED, JobState.CANCELLED} and job.folder.checkpoint.is_file():
        box.operator("sjc.resume", icon="PLAY").job = job.id


CLASSES = (SJC_PT_main, SJC_PT_viewpoints, SJC_PT_domain, SJC_PT_output)


def register() -> None:
    """Show the tab."""
    previews.register()
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Take the tab away, and free its pictures."""
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
    previews.unregister()
