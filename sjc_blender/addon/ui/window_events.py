"""What a timer, which has no window of its own, asks of Blender's windows."""

from __future__ import annotations

import bpy


def redraw_sidebars() -> None:
    """Draw the sidebars of all 3D viewports anew."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


def push_undo(message: str) -> None:
    """Push one undo step; nothing in background mode, which has none to take back."""
    windows = bpy.context.window_manager.windows
    if bpy.context.window is None and windows:
        with bpy.context.temp_override(window=windows[0]):  # type: ignore[attr-defined]  # the stubs of 5.2
            bpy.ops.ed.undo_push(message=message)
    elif windows:
        bpy.ops.ed.undo_push(message=message)
