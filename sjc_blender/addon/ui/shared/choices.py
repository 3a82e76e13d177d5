# SPDX-License-Identifier: GPL-3.0-or-later
"""Choices of a setting as buttons beside each other, and what gives way in a sidebar that is too narrow for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import blf
import bpy

from .wrapped_label import FONT, UNIT, units_wide

EDGES = 56
"""Unscaled pixels of the tabs and the edges of a panel."""

PADDING = 10
"""Unscaled pixels of a button beside its text."""

VALUE_SHARE = 0.56
"""Of the width, beside the name of a setting."""

ROOMY = 13.5
"""Units of a sidebar with room for icons too; Blender makes it 14 wide at first, and lets it be drawn to 12."""


def roomy(context: bpy.types.Context, icon: Any) -> Any:
    """Return the icon of a button that shares a row, or none where its text needs the room."""
    return icon if units_wide(context) >= ROOMY else "NONE"


def draw_choices(
    layout: bpy.types.UILayout, context: bpy.types.Context, data: Any, name: str, texts: Sequence[str] = ()
) -> None:
    """Draw all choices of an enumeration in a row if their texts fit, else in fewer columns; beside its name as a menu.

    Parameters
    ----------
    texts : sequence of str
        Those of the choices, where the enumeration's items are computed.
    """
    texts = texts or [item.name for item in data.bl_rna.properties[name].enum_items]
    scale = context.preferences.system.ui_scale
    blf.size(FONT, context.preferences.ui_styles[0].widget.points * scale)
    widest = max(blf.dimensions(FONT, text)[0] for text in texts) / scale + PADDING
    width = units_wide(context) * UNIT - EDGES
    # A row has equal buttons, whatever stands on them.
    columns = max(1, int(width * (VALUE_SHARE if layout.use_property_split else 1.0) / widest))
    if columns >= len(texts):
        layout.row().prop(data, name, expand=True)
    elif layout.use_property_split:
        layout.prop(data, name)
    else:
        # No row with one choice alone where another number of columns avoids it.
        columns = next((fewer for fewer in range(columns, 1, -1) if len(texts) % fewer == 0), columns)
        layout.grid_flow(columns=columns, row_major=True, even_columns=True, align=True).prop(data, name, expand=True)
