"""What a model's networks take, from the headers of their files: nothing is loaded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...protocol.model_families import ModelFamily, component_config, tensor_headers
from ..score_models.loading import ADAPTERS
from ..score_models.pipeline_folder import examine_folder
from ..score_models.single_file import configuration_of

DENOISERS = ("unet", "transformer")
"""Names of the component that scores; a model has one of them."""

SINGLE_FILE_PARTS = {"model.diffusion_model.": "unet", "first_stage_model.": "vae"}
"""By how the names of tensors begin; the others are the text encoders'."""

FLOATS = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2")
KEPT_PRECISE = ".wo.weight"
"""Layers of T5 that stay in float32 in a model of float16: https://github.com/huggingface/transformers/issues/20287."""


@dataclass(frozen=True)
class Network:
    """A component of a pipeline.

    Attributes
    ----------
    weights : int
        Bytes in the precision that it is loaded in.
    largest : int
        Bytes of its largest tensor, which is about what sequential offloading holds at once.
    itemsize : int
        Bytes of a number.
    config : mapping
    """

    weights: int
    largest: int
    itemsize: int
    config: Mapping[str, Any]


def networks_of(path: Path, family: ModelFamily, dtype: torch.dtype) -> dict[str, Network]:
    """The networks of a model by the names of their components; none for reference views.

    Raises
    ------
    SjcError
        As `sjc_blender.engine.score_models.loading.load_score_model`, where files are missing.
    """
    if family.name not in ADAPTERS:
        return {}
    if path.is_file():
        return _in_file(path, dtype)
    adapter = ADAPTERS[family.name]
    folder = examine_folder(path, adapter.networks, adapter.parts, adapter.optional)
    networks = {}
    for name in adapter.networks:
        if name in folder.absent:
            continue
        place = path / name if (path / name).is_dir() else path
        headers = [header for file in _weight_files(place, folder.variant) for header in tensor_headers(file).items()]
        networks[name] = _network(path, name, headers, dtype)
    return networks


def _in_file(file: Path, dtype: torch.dtype) -> dict[str, Network]:
    configuration = configuration_of(file)
    parts: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for name, header in tensor_headers(file).items():
        part = next((part for start, part in SINGLE_FILE_PARTS.items() if name.startswith(start)), "text_encoder")
        parts.setdefault(part, []).append((name, header))
    return {part: _network(configuration, part, headers, dtype) for part, headers in parts.items()}


def _weight_files(folder: Path, variant: str | None) -> Iterator[Path]:
    """The files that diffusers takes: those of the variant, or else the plain ones."""
    files = sorted(folder.glob("*.safetensors"))
    wanted = [file for file in files if variant and f".{variant}" in file.name]
    yield from wanted or [file for file in files if file.name.count(".") == 1]


def _network(path: Path, name: str, headers: list[tuple[str, dict[str, Any]]], dtype: torch.dtype) -> Network:
    config = component_config(path, name)
    # The decoder of SDXL 1.0 overflows in half precision.
    upcast = name == "vae" and dtype == torch.float16 and config.get("force_upcast", False)
    itemsize = 4 if upcast else dtype.itemsize
    sizes = []
    for tensor, header in headers:
        if header.get("dtype") in FLOATS:
            precise = dtype == torch.float16 and tensor.endswith(KEPT_PRECISE) and name.startswith("text_encoder")
            sizes.append(math.prod(header.get("shape", ())) * (4 if precise else itemsize))
    return Network(sum(sizes), max(sizes, default=0), itemsize, config)
