# SPDX-License-Identifier: GPL-3.0-or-later
"""Components of a pipeline whose class diffusers has not, loaded one by one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ...protocol.hub_cache import INDEX
from ...protocol.model_families import json_object
from .pipeline_folder import weights_variant


def part_class(entry: Sequence[str]) -> Any:
    """The class of a component by its entry in an index, which `examine_folder` has allowed."""
    import diffusers
    import transformers

    library, named = entry
    return getattr({"diffusers": diffusers, "transformers": transformers}[library], named)


def load_part(root: Path, name: str, dtype: torch.dtype) -> Any:
    """Load a component of a model's folder `root`, which `examine_folder` has judged."""
    kind, place = part_class(json_object(root / INDEX)[name]), root / name
    if not issubclass(kind, torch.nn.Module):
        return kind.from_pretrained(place, local_files_only=True)
    return kind.from_pretrained(
        place, dtype=dtype, variant=weights_variant(place), use_safetensors=True, local_files_only=True
    )
