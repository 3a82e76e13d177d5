# SPDX-License-Identifier: GPL-3.0-or-later
"""Which model the next job uses: a part of ``scene.sjc``."""

from typing import Any

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, FloatProperty, StringProperty

from ....protocol.known_models import PREVIEW_DECODER, known_model
from ....protocol.model_families import FAMILY, ModelFamily, known_family
from ...models.model_library import LIBRARY
from ...models.model_status import Place, statuses


class SJC_PG_adapter(bpy.types.PropertyGroup):
    """A LoRA, or an embedding of a new word, on top of the model."""

    path: StringProperty(
        name="File",
        description="LoRA or textual inversion, a .safetensors file",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    weight: FloatProperty(
        name="Weight",
        description="Strength of a LoRA; 0 switches it off",
        default=1.0,
        soft_min=0.0,
        soft_max=2.0,
    )
    use: BoolProperty(name="Use", description="Use it for the next job", default=True)


class ModelChoice:
    """Fields of `SJC_PG_settings` that choose the model."""

    model_kind: EnumProperty(
        name="Model",
        description="The pretrained 2D model",
        items=[
            ("BUILTIN", "Built-in", "The small prior that comes with the add-on; works offline, knows a few objects"),
            ("HUB", "Listed", "A model of the list, from the Hugging Face cache on this computer"),
            ("OWN", "Own", "Your own: a folder in diffusers format, or a single .safetensors or .gguf file"),
        ],
    )
    model_id: StringProperty(name="Listed Model", description="Hugging Face id of the chosen model of the list")
    model_source: StringProperty(
        name="Source",
        description="Folder in diffusers format, .safetensors or .gguf file, or id that is in the Hugging Face cache",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    memory: EnumProperty(
        name="Graphics Memory",
        description="How much of the graphics card's memory the next job may use. With less it is slower",
        items=[
            ("auto", "What Is Free", "Use the memory that is free when the job starts"),
            ("6GB", "6 GB", "As on a card of 6 GB; other programs keep the rest"),
            ("8GB", "8 GB", "As on a card of 8 GB; other programs keep the rest"),
            ("12GB", "12 GB", "As on a card of 12 GB; other programs keep the rest"),
            ("most", "The Most", "At full speed, without checking first whether it fits"),
        ],
    )
    adapters: CollectionProperty(
        name="LoRAs",
        description="LoRAs and textual inversions on top of the model, in this order",
        type=SJC_PG_adapter,
    )

    @property
    def model(self) -> str:
        """Source of the chosen model, as the API takes it."""
        return {"BUILTIN": "builtin", "HUB": self.model_id, "OWN": self.model_source}[self.model_kind]

    @property
    def family(self) -> ModelFamily | None:
        """That of the chosen model, also of a known one that has to be downloaded first; None if it is not known."""
        source = bpy.path.abspath(self.model)
        known = known_model(source)
        return FAMILY.get(known.family) if known is not None else known_family(source)

    @property
    def takes_adapters(self) -> bool:
        """Whether there may be LoRAs for the chosen model: not for the built-in prior, nor without a text encoder."""
        return self.model_kind != "BUILTIN" and (self.family is None or self.family.takes_adapters)

    @property
    def used_adapters(self) -> list[dict[str, Any]]:
        """The adapters of the next job, as the job spec takes them; none with a model for which they are not shown."""
        if not self.takes_adapters:
            return []
        return [
            {"path": bpy.path.abspath(adapter.path), "weight": adapter.weight}
            for adapter in self.adapters
            if adapter.use and adapter.path
        ]

    def model_obstacle(self) -> str:
        """Return why no job can start with this model; empty if there is no known reason."""
        if self.model_kind == "OWN" and not self.model_source.strip():
            return "Choose the model's folder or file"
        if self.model_kind == "HUB":
            chosen = next((model for model in statuses(LIBRARY.found) if model.id == self.model_id), None)
            if chosen is not None and chosen.known is not None and chosen.known.family == PREVIEW_DECODER:
                return f"{chosen.title} is for previews only; choose a model"
            if chosen is not None and chosen.place in (Place.HUB, Place.PART):
                return f"Download {chosen.title} first, or choose another model"
        return ""
