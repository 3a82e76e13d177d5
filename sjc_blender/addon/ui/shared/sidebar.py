# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the add-on's panels are, the tab "SJC" of the 3D viewport's sidebar, and how settings stand in them."""

import bpy


def beside_names(layout: bpy.types.UILayout) -> bpy.types.UILayout:
    """Return a column whose settings stand beside their names; they cannot be animated, and have no dots for that."""
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    return column


class Sidebar:
    """A mix-in for panels of the tab."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "SJC"


class SubPanel(Sidebar):
    """A mix-in for panels within the main one, which are closed at first."""

    bl_parent_id = "SJC_PT_main"
    bl_options = {"DEFAULT_CLOSED"}
