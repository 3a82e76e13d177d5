"""Sentences in a panel, broken to its width."""

from __future__ import annotations

from typing import Any

import blf
import bpy
from bpy.app.translations import pgettext_iface

from .job_status import wrapped

FONT = 0
MARGIN = 66
"""Pixels, before the interface's scale, that the tabs, the panel's and a box's edges take."""

ICON_WIDTH = 28


def draw_sentences(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: Any = "NONE") -> None:
    """Draw `text`, in the user's language, as lines that fit the region, the icon before the first one."""
    text = pgettext_iface(text)  # type: ignore[assignment]  # the stubs of 4.5
    scale = context.preferences.system.ui_scale
    width = context.region.width - MARGIN * scale
    width -= 0 if icon == "NONE" else ICON_WIDTH * scale
    blf.size(FONT, context.preferences.ui_styles[0].widget.points * scale)
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(wrapped(text, width, lambda part: blf.dimensions(FONT, part)[0])):
        # BLANK1 keeps the lines flush where the first one has an icon.
        column.label(text=line, icon=icon if number == 0 or icon == "NONE" else "BLANK1", translate=False)
