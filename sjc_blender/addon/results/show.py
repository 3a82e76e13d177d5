# SPDX-License-Identifier: GPL-3.0-or-later
"""Selecting and framing results."""

from __future__ import annotations

import bpy

from ...protocol.errors import SjcError
from .. import window_events
from .placement import job_of


def show_result(job: str, window: bpy.types.Window | None) -> list[bpy.types.Object]:
    """Select the objects of a job that can be seen, and frame them in the 3D viewports.

    Parameters
    ----------
    job : str
        Its id.
    window : bpy.types.Window or None
        Its view layer is used, and its viewports turned; None (background mode): the context's, and none.

    Raises
    ------
    SjcError
        ``result_not_here`` if none can be seen; ``not_object_mode`` while something is being edited.
    """
    view_layer = window.view_layer if window is not None else bpy.context.view_layer
    assert view_layer is not None
    active = view_layer.objects.active
    if active is not None and active.mode != "OBJECT":
        raise SjcError("not_object_mode", f"{active.name!r} is being edited.", "Go to Object Mode first.")
    here = [obj for obj in view_layer.objects if job_of(obj) == job]
    seen = [obj for obj in here if obj.visible_get(view_layer=view_layer)]
    if not seen:
        where = "is hidden" if here else "is not in this scene"
        raise SjcError("result_not_here", f"The result {where}.", "Unhide it, or bring it in from the history.")
    for obj in view_layer.objects:
        obj.select_set(obj in seen, view_layer=view_layer)
    # Of a mesh and a Volume in one place the mesh is what most is done with.
    view_layer.objects.active = min(seen, key=lambda obj: obj.type != "MESH")
    if window is not None:
        window_events.frame_selected(window)
    return seen
