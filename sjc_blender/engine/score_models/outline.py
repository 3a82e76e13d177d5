# SPDX-License-Identifier: GPL-3.0-or-later
"""A model without its weights: what its files say of it, read by the adapter that a job reads it with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from ...protocol.hub_cache import INDEX
from ...protocol.model_families import ModelFamily, json_object
from .any_pipeline import AnyPipeline
from .assembly import part_class
from .camera_projection import PLACES
from .load_errors import library_explained
from .loading import ADAPTERS
from .multi_view_unet import CLASS, outline_unet
from .pipeline_folder import examine_folder
from .pipeline_model import PipelineModel
from .single_file import configuration_of, tell_prediction


def outline_of(path: Path, family: ModelFamily) -> tuple[PipelineModel, Mapping[str, Any]]:
    """Read a model's configuration; its networks take no memory.

    Parameters
    ----------
    path : Path
        A folder or a single file.
    family : ModelFamily
        Neither reference views nor a pipeline outside the table of families.

    Returns
    -------
    tuple
        The model, which cannot be asked anything, and its scheduler's configuration.

    Raises
    ------
    SjcError
        As `sjc_blender.engine.score_models.loading.load_score_model`, of what the files tell.
    """
    adapter = ADAPTERS[family.name]
    single = path.is_file()
    folder = configuration_of(path) if single else path
    found = examine_folder(
        folder, adapter.networks, adapter.parts, adapter.optional, adapter.allowed, weights=not single
    )
    index = json_object(folder / INDEX)
    with library_explained(path):
        # What encodes texts for a pipeline's own call tells nothing of the model.
        needless = [name for name in adapter.networks if issubclass(adapter, AnyPipeline) and "encoder" in name]
        parts: dict[str, Any] = dict.fromkeys((*found.absent, *needless, *PLACES))
        for name in (*adapter.networks, "scheduler"):
            if name not in parts:
                parts[name] = _outline(folder, name, index.get(name))
        blocks = len(parts["vae"].config.get("block_out_channels", (1,))) if "vae" in parts else 1
        pipeline = SimpleNamespace(
            **parts,
            name_or_path=str(folder),
            labels={},
            vae_scale_factor=2 ** (blocks - 1),
        )
        if single:
            tell_prediction(path, pipeline)
        return adapter(pipeline, torch.device("meta")), pipeline.scheduler.config


def _outline(folder: Path, name: str, entry: Any) -> Any:
    """A component of one of the classes that `examine_folder` has allowed."""
    place = folder / name if (folder / name).is_dir() else folder
    library, named = entry
    if named == CLASS:
        return outline_unet(place)
    kind = part_class(entry)
    if name == "scheduler":
        return kind.from_config(kind.load_config(place, local_files_only=True))
    with torch.device("meta"):
        if library == "diffusers":
            return kind.from_config(kind.load_config(place, local_files_only=True))
        return kind(kind.config_class.from_pretrained(place, local_files_only=True))
