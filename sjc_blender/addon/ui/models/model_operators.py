# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators of the model panel."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from ... import api
from ...models.model_library import LIBRARY
from ..settings.properties import SJC_PG_settings
from ..shared.action import Action, confirm, possible

OWN = "own"
"""Id of the user's own model in the list."""


def _library_is_free(operator: type[bpy.types.Operator], _context: bpy.types.Context) -> bool:
    return possible(operator, not LIBRARY.at_work, "One thing at a time: wait, or cancel the download")


class SJC_OT_choose_model(bpy.types.Operator):
    """Use this model for the next job"""

    bl_idname = "sjc.choose_model"
    bl_label = "Choose Model"
    bl_options = {"INTERNAL", "UNDO"}

    model: StringProperty(name="Model", description="Id of the model", options={"HIDDEN"})

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        model = next((model for model in api.models(wait=False) if model.id == properties.model), None)
        if model is None:
            return "Use a model of your own for the next job: a folder in diffusers format, or a file"
        notes = model.known.notes if model.known is not None else model.path
        # A tooltip ends with a full stop of its own.
        return f"Use {model.id} for the next job. {model.family}. {notes}".rstrip(". ")

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings: SJC_PG_settings = context.scene.sjc
        if self.model in ("builtin", OWN):
            settings.model_kind = "BUILTIN" if self.model == "builtin" else "OWN"
        else:
            settings.model_kind, settings.model_id = "HUB", self.model
        return {"FINISHED"}


class SJC_OT_refresh_models(Action, bpy.types.Operator):
    """Search for models on this computer again"""

    bl_idname = "sjc.refresh_models"
    bl_label = "Refresh Models"

    def act(self, context: bpy.types.Context) -> None:
        api.refresh_models()


class SJC_OT_download_model(Action, bpy.types.Operator):
    """Download this model from Hugging Face in the background; files that are already there are kept and checked"""

    bl_idname = "sjc.download_model"
    bl_label = "Download Model"
    needs = (_library_is_free,)

    model: StringProperty(name="Model", description="Id of the model", options={"HIDDEN"})

    def act(self, context: bpy.types.Context) -> None:
        api.download_model(self.model)


class SJC_OT_cancel_download(Action, bpy.types.Operator):
    """Stop the download; downloaded files are kept, and the next download continues from there"""

    bl_idname = "sjc.cancel_download"
    bl_label = "Cancel Download"

    def execute(self, context: bpy.types.Context) -> set[str]:
        api.cancel_download()
        return {"FINISHED"}


class SJC_OT_delete_model(Action, bpy.types.Operator):
    """Delete this model from the disk, for every program that uses the Hugging Face cache"""

    bl_idname = "sjc.delete_model"
    bl_label = "Delete Model"
    needs = (_library_is_free,)

    model: StringProperty(name="Model", description="Id of the model", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        model = next((model for model in api.models(wait=False) if model.id == self.model), None)
        size = f"{model.size / 1e9:.2f} GB " if model is not None else ""
        return confirm(
            self,
            context,
            event,
            "Delete this model?",
            f"{self.model}: {size}of files are deleted from the Hugging Face cache, for every program.",
            "Delete",
            warning=True,
        )

    def act(self, context: bpy.types.Context) -> None:
        api.delete_model(self.model)


class SJC_OT_choose_model_folder(bpy.types.Operator):
    """Choose a folder in diffusers format: the one with model_index.json"""

    bl_idname = "sjc.choose_model_folder"
    bl_label = "Choose Model Folder"
    bl_options = {"INTERNAL", "UNDO"}

    directory: StringProperty(
        name="Folder", description="The one with model_index.json", subtype="DIR_PATH", options={"SKIP_SAVE"}
    )
    filter_folder: BoolProperty(default=True, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.sjc.model_kind = "OWN"
        context.scene.sjc.model_source = self.directory
        return {"FINISHED"}


class SJC_OT_add_adapter(bpy.types.Operator):
    """Add a LoRA or a textual inversion, a .safetensors file, on top of the model"""

    bl_idname = "sjc.add_adapter"
    bl_label = "Add LoRA"
    bl_options = {"INTERNAL", "UNDO"}

    filepath: StringProperty(name="File", description="A .safetensors file", subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default="*.safetensors", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        adapter = context.scene.sjc.adapters.add()
        adapter.path = self.filepath
        adapter.name = Path(self.filepath).stem
        return {"FINISHED"}


class SJC_OT_remove_adapter(bpy.types.Operator):
    """Remove this LoRA from the list; its file is kept"""

    bl_idname = "sjc.remove_adapter"
    bl_label = "Remove LoRA"
    bl_options = {"INTERNAL", "UNDO"}

    index: IntProperty(name="Index", description="Place in the list", options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.sjc.adapters.remove(self.index)
        return {"FINISHED"}
