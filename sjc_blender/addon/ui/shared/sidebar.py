# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the add-on's panels are: in the tab "SJC" of the 3D viewport's sidebar."""


class Sidebar:
    """A mix-in for panels of the tab."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "SJC"


class SubPanel(Sidebar):
    """A mix-in for panels within the main one, which are closed at first."""

    bl_parent_id = "SJC_PT_main"
    bl_options = {"DEFAULT_CLOSED"}
