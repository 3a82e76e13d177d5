# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences in a panel, wrapped to its width, with constant room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import blf
import bpy

from ....protocol.errors import SjcError
from .line_breaking import wrapped

FONT = 0
UNIT = 20
"""Pixels of one unit of the interface, before its scale."""

MARGIN = 66
"""Unscaled pixels of the tabs and the edges of panel and box."""

ICON_WIDTH = 28

LINE = 0.8
"""Height of a line, in units."""


def units_wide(context: bpy.types.Context) -> float:
    """Width of a panel of the region, in units; a region that is zoomed holds fewer, or more."""
    region = context.region
    edges: list[Any] = [region.view2d.region_to_view(x, 0) for x in (0, region.width)]
    return float(edges[1][0] - edges[0][0]) / context.preferences.system.ui_scale / UNIT


def draw_error(layout: bpy.types.UILayout, context: bpy.types.Context, error: SjcError) -> float:
    """Draw what is wrong, and below it what to do; give their height."""
    column = layout.column(align=True)
    told = column.column(align=True)
    told.alert = True
    height = draw_sentences(told, context, error.message, "ERROR")
    return height + (draw_sentences(column, context, error.hint, "INFO") if error.hint else 0.0)


def draw_sentences(
    layout: bpy.types.UILayout,
    context: bpy.types.Context,
    text: str,
    icon: Any = "NONE",
    *,
    room: Sequence[str] = (),
    taken: float = 0.0,
    width: float | None = None,
) -> float:
    """Draw `text` as lines that fit, the icon before the first one; give their height.

    Parameters
    ----------
    room : sequence of str
        What may stand here at other times: there are as many lines as the longest of these takes.
    taken : float
        Units of the width that something beside the text takes.
    width : float, optional
        Units; None: that of the region.
    """
    scale = context.preferences.system.ui_scale
    blf.size(FONT, context.preferences.ui_styles[0].widget.points * scale)
    fits = ((units_wide(context) if width is None else width) - taken) * UNIT - MARGIN
    fits -= 0 if icon == "NONE" else ICON_WIDTH

    def lines_of(sentence: str) -> list[str]:
        return wrapped(sentence, fits * scale, lambda part: blf.dimensions(FONT, part)[0])

    shown = lines_of(text)
    shown += [""] * (max((len(lines_of(other)) for other in room), default=1) - len(shown))
    column = layout.column(align=True)
    column.scale_y = LINE
    for number, line in enumerate(shown):
        # BLANK1 keeps the lines flush where the first one has an icon.
        column.label(text=line, icon=icon if number == 0 or icon == "NONE" else "BLANK1", translate=False)
    return len(shown) * LINE
