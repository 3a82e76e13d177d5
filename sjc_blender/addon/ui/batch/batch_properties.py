# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a scene's next batch, ``scene.sjc_batch``; what they do not say is as for a single job."""

import bpy
from bpy.props import BoolProperty, EnumProperty, PointerProperty, StringProperty


class SJC_PG_batch(bpy.types.PropertyGroup):
    """Where the prompts are, and how the results are placed."""

    kind: EnumProperty(
        name="Prompts",
        description="Where the list of prompts is",
        items=[
            ("TEXT", "Text", "A Text block of this file: a prompt a line, CSV or JSON Lines", "TEXT", 0),
            ("FILE", "File", "A CSV, JSON or text file", "FILE", 1),
        ],
    )
    text: PointerProperty(
        name="Text",
        description="A prompt a line; or CSV with columns such as prompt, seed, preset, optimisation.steps",
        type=bpy.types.Text,
    )
    path: StringProperty(
        name="File",
        description="CSV, JSON, JSON Lines, or text with a prompt a line",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    seeds: StringProperty(
        name="Seeds",
        description="Each prompt is made with each of these seeds, such as 0, 5 or 0-7, unless its row has its own",
        default="0",
    )
    place: EnumProperty(
        name="Place",
        description="How the results are arranged",
        items=[
            ("grid", "Grid", "In rows, with the seeds of a prompt side by side"),
            ("row", "Row", "All in one line"),
            ("domain", "Domain", "Each where its domain is"),
        ],
    )
    assets: BoolProperty(
        name="Mark as Assets",
        description="Show the results in the Asset Browser, with the words of their prompts as tags",
        default=True,
    )

    @property
    def source(self) -> bpy.types.Text | str | None:
        """The chosen source for the API; None if there is none."""
        return self.text if self.kind == "TEXT" else self.path or None


PROPERTIES = ((bpy.types.Scene, "sjc_batch", PointerProperty(type=SJC_PG_batch)),)
