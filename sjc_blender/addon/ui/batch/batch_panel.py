# SPDX-License-Identifier: GPL-3.0-or-later
"""The sub-panel "Batch": a list of prompts, its faults, and its progress."""

import bpy

from ....protocol.errors import SjcError
from ...batch import batch as batches
from ...batch.batch_fault import InvalidBatch
from ..shared.choices import draw_choices
from ..shared.sidebar import SubPanel, beside_names
from ..shared.wrapped_label import draw_sentences
from . import batch_operators
from .batch_properties import SJC_PG_batch

SHOWN_FAULTS = 8
"""Most faults shown, so that the buttons stay visible; all are in the console."""


class SJC_PT_batch(SubPanel, bpy.types.Panel):
    """Many objects of one list."""

    bl_label = "Batch"
    bl_order = 50

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings: SJC_PG_batch = context.scene.sjc_batch
        draw_choices(layout, context, settings, "kind")
        if settings.kind == "TEXT":
            layout.template_ID(settings, "text", new="sjc.batch_new_text")
        else:
            layout.prop(settings, "path", text="")
        column = beside_names(layout)
        column.prop(settings, "seeds")
        draw_choices(column, context, settings, "place")
        column.prop(settings, "assets")
        row = layout.row(align=True)
        row.operator("sjc.batch_check", icon="VIEWZOOM")
        row.operator("sjc.batch_run", icon="PLAY")
        _draw_verdict(layout, context)
        if batches.latest is not None:
            _draw_progress(layout, context, batches.latest)


def _draw_verdict(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    verdict = batch_operators.verdict
    if verdict is None:
        return
    box = layout.box()
    row = box.row()
    title = row.row()
    title.alert = isinstance(verdict, SjcError)
    if isinstance(verdict, InvalidBatch):
        count = len(verdict.faults)
        title.label(
            text=f"{count} faults, nothing started" if count > 1 else "1 fault, nothing started",
            icon="ERROR",
            translate=False,
        )
    else:
        title.label(text="Not started" if isinstance(verdict, SjcError) else "To do", icon="INFO", translate=False)
    row.operator("sjc.batch_dismiss", text="", icon="X", emboss=False)
    if isinstance(verdict, InvalidBatch):
        for fault in verdict.faults[:SHOWN_FAULTS]:
            draw_sentences(box, context, str(fault), "DOT")
        if len(verdict.faults) > SHOWN_FAULTS:
            draw_sentences(box, context, f"and {len(verdict.faults) - SHOWN_FAULTS} more, in the Info editor")
    else:
        draw_sentences(box, context, str(verdict))


def _draw_progress(layout: bpy.types.UILayout, context: bpy.types.Context, batch: batches.Batch) -> None:
    box = layout.box()
    total, ended = len(batch.entries), batch.ended
    draw_sentences(box, context, batch.name, "PRESET")
    box.progress(factor=ended / total, text=f"{ended} of {total}", translate=False)
    if batch.live:
        box.operator("sjc.batch_cancel", icon="X")
        return
    errors = batch.errors
    if errors:
        names = {entry.planned.folder.name: entry.planned.name for entry in batch.entries}
        for folder, error in list(errors.items())[:SHOWN_FAULTS]:
            draw_sentences(box, context, f"{names[folder]}: {error.message}", "ERROR")
    if batch.unfinished:
        box.operator("sjc.batch_retry", icon="FILE_REFRESH")
