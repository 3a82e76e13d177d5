# SPDX-License-Identifier: GPL-3.0-or-later
"""The panels of viewpoints and domain."""

import bpy
from bpy.props import BoolProperty

from ...rigs import coverage_display, rig_watch
from ...rigs.camera import TEXT_PROPERTY, WEIGHT_PROPERTY
from ...rigs.domain import BOX_WIDTH
from ...rigs.length_text import length_text
from ...rigs.rig import JITTER_PROPERTY
from ..settings.properties import SJC_PG_settings
from ..shared import camera_path
from ..shared.sidebar import Sidebar, SubPanel, beside_names
from ..shared.wrapped_label import draw_sentences, units_wide

MOST_VIEWS = 6
"""Most view texts listed."""

LEAST_CUT_OFF = 0.005
"""Least share of a proxy outside the domain that is reported."""

LABEL_SHARE = 0.4
"""Of a line's width, as with Blender's own labels beside their fields."""


class SJC_PT_viewpoints(SubPanel, bpy.types.Panel):
    """Viewpoints of the next job."""

    bl_label = "Viewpoints"
    bl_order = 20

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings: SJC_PG_settings = context.scene.sjc
        grid = layout.grid_flow(columns=2, even_columns=True, align=True)
        grid.prop(settings, "rig", expand=True)
        column = beside_names(layout)
        if settings.rig in {"CAMERAS", "REGION"}:
            column.prop(settings, "cameras", text="Collection")
        if settings.rig == "ANIMATION":
            _draw_path(column, settings, context.scene)
        if settings.rig == "CAMERAS" and settings.cameras is not None and JITTER_PROPERTY in settings.cameras:
            column.prop(settings.cameras, f'["{JITTER_PROPERTY}"]', text="Jitter (°)")
        elif settings.rig in {"CAMERAS", "ANIMATION"}:
            column.prop(settings, "jitter")
        if settings.rig == "CAMERAS" and settings.cameras is not None:
            _draw_camera(column, context, settings.cameras)
        layout.operator("sjc.add_rig", text="Add Camera Rig", icon="ADD")
        layout.prop(context.window_manager, "sjc_show_coverage", toggle=True, icon="SPHERE")
        _draw_headline(layout, context)


class SJC_PT_rig_report(Sidebar, bpy.types.Panel):
    """Coverage of the rig."""

    bl_label = "What It Sees"
    bl_parent_id = "SJC_PT_viewpoints"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        look = rig_watch.current(context.scene)
        if look.error is not None:
            draw_sentences(layout, context, look.error.message, "ERROR")
            draw_sentences(layout, context, look.error.hint, "INFO")
        if look.rig is None:
            return
        report = look.rig.report
        for finding in report.findings:
            draw_sentences(layout, context, finding.text, "ERROR" if finding.severity == "warning" else "INFO")
        low, high = report.elevation
        facts = layout.column(align=True)
        elevation = f"{low:.0f}° to {high:.0f}°"
        if report.viewpoints:
            draw_sentences(facts, context, f"{report.viewpoints} viewpoints, elevation {elevation}")
        else:
            draw_sentences(facts, context, f"Elevation {elevation}")
        draw_sentences(facts, context, f"{report.seen_of_model:.0%} of the sides that the model knows")
        draw_sentences(facts, context, f"{report.seen:.0%} of all sides")
        said = layout.column(align=True)
        draw_sentences(said, context, "What the model is told, by share:")
        for text, share in list(report.views.items())[:MOST_VIEWS]:
            draw_sentences(said, context, f"{share:.0%}  {text.replace('{prompt}', '…')}")
        if len(report.views) > MOST_VIEWS:
            draw_sentences(said, context, f"and {len(report.views) - MOST_VIEWS} more")


class SJC_PT_domain(SubPanel, bpy.types.Panel):
    """The box that the result fills, and the shapes that it keeps to."""

    bl_label = "Domain"
    bl_order = 30

    def draw(self, context: bpy.types.Context) -> None:
        """Show the object whose box it is, the proxy and the guide."""
        layout = beside_names(self.layout)
        settings: SJC_PG_settings = context.scene.sjc
        row = layout.row(align=True)
        row.prop(settings, "domain", text="Object")
        if settings.domain is None:
            row.operator("sjc.add_domain", text="", icon="ADD")
            split = layout.split(factor=LABEL_SHARE)
            split.separator()
            column = split.column()
            size = length_text(BOX_WIDTH, context.scene)
            where = f"{size} on the 3D cursor" if settings.rig == "ORBIT" else f"{size} at the origin"
            width = units_wide(context) * (1 - LABEL_SHARE)
            draw_sentences(column, context, where, width=width)
        layout.prop(settings, "proxy_kind", text="Start From")
        if settings.proxy_kind == "OBJECT":
            layout.prop(settings, "proxy_object", text="Proxy")
        elif settings.proxy_kind == "COLLECTION":
            layout.prop(settings, "proxy_collection", text="Proxy")
        if settings.proxy_kind != "NONE":
            layout.prop(settings, "proxy_looseness", slider=True)
            cut_off = rig_watch.current(context.scene).cut_off
            if cut_off >= LEAST_CUT_OFF:
                told = f"{cut_off:.0%} of the proxy is outside the domain and will be cut off"
                draw_sentences(layout, context, told, "ERROR")
            if settings.proxy is not None:
                layout.operator("sjc.fit_domain", icon="CUBE")
        _draw_guide(layout, settings)


def _draw_guide(layout: bpy.types.UILayout, settings: SJC_PG_settings) -> None:
    layout.prop(settings, "guide_kind")
    if settings.guide_kind == "NONE":
        return
    layout = layout.column()
    layout.active = settings.steered
    if settings.guide_kind in {"OBJECT", "COLLECTION"}:
        layout.prop(settings, f"guide_{settings.guide_kind.lower()}", text="Guide")
    layout.prop(settings, "guide_control", placeholder="Folder or id")
    layout.prop(settings, "guide_picture")
    layout.prop(settings, "guide_strength", slider=True)
    column = layout.column(align=True)
    column.prop(settings, "guide_lowest", slider=True)
    column.prop(settings, "guide_highest", text="To", slider=True)


def _draw_path(column: bpy.types.UILayout, settings: SJC_PG_settings, scene: bpy.types.Scene) -> None:
    column.prop(scene, "camera", text="Camera")
    column.prop(settings, "own_frames")
    if settings.own_frames:
        frames = column.column(align=True)
        frames.prop(settings, "first_frame")
        frames.prop(settings, "last_frame")
    column.prop(settings, "path_views")


def _draw_camera(column: bpy.types.UILayout, context: bpy.types.Context, rig: bpy.types.Collection) -> None:
    """Draw the weight and the text of the rig's active camera."""
    camera = context.object
    if camera is None or camera.type != "CAMERA" or camera.name not in rig.all_objects:
        return
    labels = {WEIGHT_PROPERTY: "Weight", TEXT_PROPERTY: "Told Here"}
    own = [name for name in labels if camera.get(name) is not None]
    if own:
        column.label(text=camera.name, icon="CAMERA_DATA", translate=False)
    for name in own:
        column.prop(camera, f'["{name}"]', text=labels[name])
    if len(own) < len(labels):
        column.operator("sjc.camera_text", icon="CAMERA_DATA")


def _draw_headline(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw the most important finding about the rig in a line."""
    settings: SJC_PG_settings = context.scene.sjc
    if settings.rig_obstacle():
        return
    look = rig_watch.current(context.scene)
    if settings.rig == "ANIMATION":
        # In the button's place, which it takes up again.
        if camera_path.playing():
            layout.progress(factor=camera_path.progress, text=f"{camera_path.progress:.0%}", translate=False)
        else:
            layout.operator("sjc.check_rig", icon="VIEWZOOM")
    if look.error is not None:
        draw_sentences(layout, context, look.error.message.splitlines()[0], "ERROR")
    elif look.rig is not None:
        report = look.rig.report
        draw_sentences(layout, context, report.headline, "ERROR" if report.warnings else "CHECKMARK")


def _toggle(manager: bpy.types.WindowManager, _context: bpy.types.Context) -> None:
    if manager.sjc_show_coverage:
        coverage_display.show()
    else:
        coverage_display.hide()


SHOW_COVERAGE = BoolProperty(
    name="Show Coverage",
    description="Draw in the viewport where the rig looks from, which sides it sees (red: it does not), "
    "and by colour what the model is told there: front, side, back, overhead",
    update=_toggle,
    options={"SKIP_SAVE"},
)
PROPERTIES = ((bpy.types.WindowManager, "sjc_show_coverage", SHOW_COVERAGE),)


def unregister() -> None:
    """Hide the coverage."""
    coverage_display.hide()
