# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of edits: a part of ``scene.sjc``."""

import bpy
from bpy.props import BoolProperty, EnumProperty, PointerProperty, StringProperty

from ...rigs.proxy import SOLID_KINDS
from .prompt_search import suggestions


def is_region(_settings: "EditSettings", obj: bpy.types.Object) -> bool:
    """Whether an object has an inside, or a box."""
    return obj.type in SOLID_KINDS or obj.type == "EMPTY"


class EditSettings:
    """Fields of `SJC_PG_settings` for edits."""

    edit_prompt: StringProperty(
        name="New Prompt",
        description="What the whole object should be. Empty: the old prompt",
        options={"TEXTEDIT_UPDATE"},
        search=suggestions,
        search_options={"SUGGESTION"},
    )
    edit_region: PointerProperty(
        name="Region",
        description="Object inside which the result may change, or an empty's box; all else is kept exactly. "
        "Without one it may change everywhere",
        type=bpy.types.Object,
        poll=is_region,
    )
    edit_anew: BoolProperty(
        name="Begin Anew",
        description="Start the region as haze, to replace its content completely; otherwise start from its content",
    )
    edit_settings: EnumProperty(
        name="Settings",
        description="With which settings",
        items=[
            ("JOB", "Its Own", "Those that the result was made with, its model and its seed"),
            ("TAB", "This Tab's", "The model, preset, seed and negative prompt that this tab is set to"),
        ],
    )
