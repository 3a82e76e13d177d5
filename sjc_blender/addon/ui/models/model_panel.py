# SPDX-License-Identifier: GPL-3.0-or-later
"""The sub-panel "Model": the list of models, their requirements and downloads."""

import bpy

from ....protocol.model_profile import vocabulary
from ....protocol.untuned import untuned
from ... import api
from ...models import model_actions
from ...models.model_library import LIBRARY
from ...models.model_status import ModelStatus, Place
from ...models.model_words import bar_text, facts, rate_text, size_text
from ..settings.properties import SJC_PG_settings
from ..shared.sidebar import SubPanel
from ..shared.wrapped_label import LINE, draw_error, draw_sentences, units_wide
from .model_operators import OWN

ICONS = {
    Place.BUILTIN: "PACKAGE",
    Place.DISK: "CHECKMARK",
    Place.PART: "TIME",
    Place.HUB: "IMPORT",
    Place.UNKNOWN: "QUESTION",
}


FACT_SHARE = 0.32
"""Of a line's width, that the name of a fact takes."""

NAME_SHARE = 0.68
"""Share of a row's width for the name; the rest is for the size or the download button."""

FETCHED = (Place.HUB, Place.PART)
"""Locations of models that have to be downloaded or completed."""


class SJC_PT_model(SubPanel, bpy.types.Panel):
    """The model of the next job."""

    bl_label = "Model"
    bl_order = 10

    def draw(self, context: bpy.types.Context) -> None:
        """Show the models, and the chosen one with what can be done about it."""
        model_actions.look_once()
        layout = self.layout
        settings: SJC_PG_settings = context.scene.sjc
        models = api.models(wait=False)
        here = [model for model in models if model.place not in (Place.HUB, Place.UNKNOWN)]
        _draw_list(layout, settings, here)
        _draw_to_download(layout, settings, [model for model in models if model not in here])
        _draw_chosen(layout, context, settings, models)
        _draw_trouble(layout, context)
        if settings.takes_adapters:
            _draw_adapters(layout, settings)
        sees_pictures = settings.takes_picture or (settings.takes_adapters and settings.steered)
        if sees_pictures or settings.picture is not None:
            _draw_picture(layout, settings)
        column = layout.column()
        if settings.model_kind != "BUILTIN":
            column.label(text="Graphics Memory", translate=False)
            column.prop(settings, "memory", text="")
        avoided = column.column()
        avoided.active = settings.takes_prompt
        avoided.label(text="Negative Prompt", translate=False)
        avoided.prop(settings, "negative_prompt", text="", placeholder="What to avoid")


def _draw_list(layout: bpy.types.UILayout, settings: SJC_PG_settings, here: list[ModelStatus]) -> None:
    """Draw the models that can be used at once."""
    row = layout.row()
    row.label(text="Looking for models..." if LIBRARY.action == "list" else "On this computer", translate=False)
    row.operator("sjc.refresh_models", text="", icon="FILE_REFRESH", emboss=False)
    column = layout.column(align=True)
    for model in here:
        _draw_row(column, settings, model)
    own = column.operator("sjc.choose_model", text="Your Own", icon="FILE_FOLDER", depress=settings.model_kind == "OWN")
    own.model = OWN


def _draw_to_download(layout: bpy.types.UILayout, settings: SJC_PG_settings, models: list[ModelStatus]) -> None:
    """Draw the models that have to be downloaded, by family; closed at first, with the chosen one alone."""
    if not models:
        return
    header, body = layout.panel("SJC_PT_models_to_download", default_closed=True)
    header.label(text=f"To download ({len(models)})", translate=False)
    if body is None:
        for model in models:
            if model.id == settings.model:
                _draw_row(layout, settings, model)
        return
    family = ""
    for model in models:
        if model.family != family:
            family = model.family
            body.label(text=family, translate=False)
            column = body.column(align=True)
        _draw_row(column, settings, model)


def _draw_row(column: bpy.types.UILayout, settings: SJC_PG_settings, model: ModelStatus) -> None:
    row = column.split(factor=NAME_SHARE, align=True)
    chosen = settings.model_kind != "OWN" and settings.model == model.id
    row.operator("sjc.choose_model", text=model.title, icon=ICONS[model.place], depress=chosen).model = model.id
    if chosen and model.place in FETCHED and not (LIBRARY.at_work and LIBRARY.subject == model.id):
        text = "Complete" if model.place is Place.PART else "Download"
        row.operator("sjc.download_model", text=text).model = model.id
    else:
        row.label(text=size_text(model), translate=False)


def _draw_chosen(
    layout: bpy.types.UILayout, context: bpy.types.Context, settings: SJC_PG_settings, models: list[ModelStatus]
) -> None:
    if settings.model_kind == "OWN":
        column = layout.column(align=True)
        column.prop(settings, "model_source", text="", placeholder="Folder, .safetensors file or id")
        column.operator("sjc.choose_model_folder", text="Choose a Folder", icon="FILE_FOLDER")
        _draw_untuned(column, context, bpy.path.abspath(settings.model))
        _draw_download(layout, context, LIBRARY.subject if LIBRARY.action == "download" else "")
        return
    model = next((model for model in models if model.id == settings.model), None)
    box = layout.box()
    if model is None:
        draw_sentences(box, context, f"{settings.model} is not on this computer.", "ERROR")
    else:
        table = box.column(align=True)
        for name, value in facts(model):
            split = table.split(factor=FACT_SHARE)
            named = split.column()
            named.scale_y = LINE  # as high as the lines beside it
            named.label(text=name, translate=False)
            width = units_wide(context) * (1 - FACT_SHARE)
            draw_sentences(split.column(), context, value, width=width)
        if model.known is not None:
            draw_sentences(box, context, model.known.notes, "INFO")
        _draw_untuned(box, context, model.id)
        known_words = vocabulary(model.id)
        if known_words is not None:
            draw_sentences(box, context, known_words.told, "BLANK1")
        if model.known is not None and model.known.gated and model.place is not Place.DISK:
            text = "Its owners ask you to accept its licence on huggingface.co and to log in (hf auth login) first."
            draw_sentences(box, context, text, "LOCKED")
    downloading = LIBRARY.subject if LIBRARY.action == "download" else ""
    _draw_download(box if downloading == settings.model else layout, context, downloading)
    if settings.model_kind == "HUB" and downloading != settings.model:
        _draw_buttons(box, settings.model, model)


def _draw_untuned(layout: bpy.types.UILayout, context: bpy.types.Context, source: str) -> None:
    told = untuned(source)
    if told:
        draw_sentences(layout, context, told, "INFO")


def _draw_download(layout: bpy.types.UILayout, context: bpy.types.Context, downloading: str) -> None:
    """The download that runs, of whatever model."""
    if not downloading:
        return
    column = layout.column(align=True)
    draw_sentences(column, context, f"Downloading {downloading.rpartition('/')[2]}")
    transfer = LIBRARY.transfer
    if transfer is not None and transfer.total:
        column.progress(factor=transfer.done / transfer.total, text=bar_text(transfer), translate=False)
        column.label(text=rate_text(transfer), translate=False)
    else:  # the room that both will take
        column.progress(factor=0.0, text="")
        column.label(text="")
    row = column.row()
    row.enabled = not LIBRARY.cancelling
    row.operator("sjc.cancel_download", text="Stopping..." if LIBRARY.cancelling else "Cancel", icon="X")


def _draw_buttons(box: bpy.types.UILayout, hub_id: str, model: ModelStatus | None) -> None:
    """Download, check, delete."""
    place = model.place if model is not None else Place.HUB
    if model is not None and place is Place.HUB:
        return  # the list has its button
    row = box.row(align=True)
    if LIBRARY.action == "delete" and LIBRARY.subject == hub_id:
        row.label(text="Deleting...", translate=False)
        return
    if place is not Place.PART:
        text = "Check" if place is Place.DISK else "Download"
        row.operator("sjc.download_model", text=text, icon="IMPORT").model = hub_id
    if place in (Place.DISK, Place.PART):
        text = "" if place is Place.DISK else "Delete"
        row.operator("sjc.delete_model", text=text, icon="TRASH").model = hub_id


def _draw_trouble(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    error = LIBRARY.error
    if error is None:
        return
    box = layout.box()
    if error.code.startswith("engine_"):
        text = "Without the engine, only the built-in model and your own are listed. Set it up first."
        draw_sentences(box, context, text, "INFO")
    draw_error(box, context, error)


def _draw_adapters(layout: bpy.types.UILayout, settings: SJC_PG_settings) -> None:
    """LoRAs and the like on top of the model."""
    row = layout.row()
    row.label(text="LoRAs", translate=False)
    row.operator("sjc.add_adapter", text="", icon="ADD", emboss=False)
    for index, adapter in enumerate(settings.adapters):
        row = layout.row(align=True)
        row.prop(adapter, "use", text="")
        name = row.row()
        name.active = adapter.use
        name.label(text=adapter.name, translate=False)
        row.prop(adapter, "weight", text="")
        row.operator("sjc.remove_adapter", text="", icon="X").index = index


def _draw_picture(layout: bpy.types.UILayout, settings: SJC_PG_settings) -> None:
    """What the model sees beside the prompt."""
    column = layout.column()
    turned = settings.takes_picture
    column.label(text="Picture of the Object" if turned else "Picture beside the Prompt", translate=False)
    column.template_ID(settings, "picture", open="image.open")
    if turned:
        column.prop(settings, "picture_elevation")
    elif settings.picture is not None:
        column = column.column()
        column.active = settings.steered
        column.prop(settings, "picture_adapter", text="", placeholder="IP-Adapter")
        column.prop(settings, "picture_strength", slider=True)
        column.prop(settings, "picture_reach")
