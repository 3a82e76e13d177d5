# SPDX-License-Identifier: GPL-3.0-or-later
"""Access to Blender's windows from code without a window of its own: timers, handlers, and listeners of jobs.

Nothing else of the add-on touches a window, its screen or its workspace, but what a window calls itself: drawing and
operators. In background mode there may be windows, which came out of a file, and in the turn in which another script
loads a file Blender's context has none; whoever touches them then ends Blender.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator

import bpy

TURN_SECONDS = 0.01


def in_a_window(timer: Callable[[], float | None]) -> Callable[[], float | None]:
    """Return a timer function that waits while Blender's context has no window."""

    @functools.wraps(timer)
    def called() -> float | None:
        return timer() if bpy.app.background or windows() else TURN_SECONDS

    return called


def windows() -> list[bpy.types.Window]:
    """Return the windows that may be used now; none in background mode, or while Blender's context has none."""
    if bpy.app.background or bpy.context.window is None:
        return []
    return list(bpy.context.window_manager.windows)


def areas(area_type: str) -> Iterator[bpy.types.Area]:
    """Yield all areas of a type."""
    for window in windows():
        yield from (area for area in window.screen.areas if area.type == area_type)


def redraw(area_type: str, region_type: str = "") -> None:
    """Redraw all areas of a type, or only their regions of a type."""
    for area in areas(area_type):
        if not region_type:
            area.tag_redraw()
        for region in area.regions:
            if region.type == region_type:
                region.tag_redraw()


def redraw_sidebars() -> None:
    """Redraw the sidebars of all 3D viewports."""
    redraw("VIEW_3D", "UI")


def redraw_status_bars() -> None:
    """Redraw the status bars of all windows."""
    if windows():
        # They are no areas of a screen. Each draws itself anew when a view layer is said to have another name; to set
        # its text would do so too, in one window, and would wipe out what a tool has written there.
        bpy.msgbus.publish_rna(key=(bpy.types.ViewLayer, "name"))


def push_undo(message: str) -> None:
    """Push one undo step, unless Blender's context has no window."""
    # Blender as a module has one in background mode, and undo.
    if bpy.context.window is not None:
        bpy.ops.ed.undo_push(message=message)


def frame_selected(window: bpy.types.Window) -> None:
    """Frame the selected objects in the 3D viewports of a window."""
    for area in window.screen.areas if window in windows() else ():
        region = next((region for region in area.regions if region.type == "WINDOW"), None)
        if area.type == "VIEW_3D" and region is not None:
            with bpy.context.temp_override(window=window, area=area, region=region):  # type: ignore[attr-defined]
                bpy.ops.view3d.view_selected()


def join_local_views(obj: bpy.types.Object, scene: bpy.types.Scene) -> None:
    """Let an object that has come into a scene be seen in viewports in local view, as one that is added by hand is."""
    for window in windows():
        if window.scene != scene or obj.name not in window.view_layer.objects:
            continue
        for area in window.screen.areas:
            space = area.spaces.active
            if isinstance(space, bpy.types.SpaceView3D) and space.local_view is not None:
                obj.local_view_set(space, True)


def show_text(text: bpy.types.Text) -> None:
    """Show a text in an open Text Editor, else in a new window."""
    if bpy.context.window not in windows():
        return
    areas = [area for window in windows() for area in window.screen.areas if area.type == "TEXT_EDITOR"]
    if not areas:
        bpy.ops.wm.window_new()
        areas = [windows()[-1].screen.areas[0]]
        areas[0].type = "TEXT_EDITOR"
    areas[0].spaces.active.text = text  # type: ignore[union-attr]  # of a Text Editor


@contextlib.contextmanager
def a_window_in_context() -> Iterator[None]:
    """Set a window in the context for Blender's exporters: there is none while `--command` runs on a file."""
    context = bpy.context
    window = next(iter(context.window_manager.windows), None)
    if context.window is not None or window is None:
        yield
        return
    with context.temp_override(window=window, scene=context.scene, view_layer=context.view_layer):  # type: ignore[attr-defined]  # the stubs do not know that it is a context
        yield
