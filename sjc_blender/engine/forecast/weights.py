# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory of a model's networks, from the headers of their files: nothing is loaded."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...protocol.model_families import (
    ModelFamily,
    component_config,
    holds_network_alone,
    json_object,
    tensor_headers,
)
from ...protocol.outside_file import is_file, is_folder
from ..score_models.control import CONFIGURATION, locate_control
from ..score_models.gguf_file import StoredTensor, gguf_tensors, is_gguf
from ..score_models.ip_adapter import locate_ip_adapter, picture_encoder
from ..score_models.loading import ADAPTERS, adapter_of
from ..score_models.multi_view_unet import CLASS, stock_configuration
from ..score_models.network_file import NETWORK, bare_names
from ..score_models.pipeline_folder import examine_folder, weights_variant
from ..score_models.single_file import configuration_of

Tensor = tuple[str, dict[str, Any]]
"""A tensor's name, and what its file's header says of it."""

SINGLE_FILE_PARTS = {"model.diffusion_model.": "unet", "first_stage_model.": "vae"}
"""By how the names of tensors begin; the others are the text encoders'."""

FLOATS = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2")
COMPUTED = 3
"""Copies of a layer's weights in the network's precision while they are computed of quantised ones."""

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
    config : mapping
    spared : int
        Bytes that quantised weights take less than all its numbers in the precision that it computes in.
    """

    weights: int
    largest: int
    config: Mapping[str, Any]
    spared: int = 0


def networks_of(path: Path, family: ModelFamily, dtype: torch.dtype) -> dict[str, Network]:
    """The networks of a model by the names of their components; none for reference views.

    Raises
    ------
    SjcError
        As `sjc_blender.engine.score_models.loading.load_score_model`, where files are missing.
    """
    if family.name not in ADAPTERS:
        return {}
    adapter = adapter_of(path, family)
    configuration = configuration_of(path) if is_file(path) else path
    alone = is_file(path) and holds_network_alone(path)
    if is_file(path) and not alone:
        parts = _parts_of(path)
    else:
        names = [name for name in adapter.networks if not (alone and name == NETWORK)]
        folder = examine_folder(configuration, names, adapter.parts, adapter.optional, adapter.allowed)
        parts = {n: _tensors_in(configuration, n, folder.variant) for n in names if n not in folder.absent}
    if alone:
        headers = {} if is_gguf(path) else tensor_headers(path)
        parts[NETWORK] = [(name, headers[name]) for name in bare_names(headers)]
    # The decoder of SDXL 1.0 overflows in half precision, see its adapter's `prepare`.
    upcast = family.name == "stable_diffusion_xl" and component_config(configuration, "vae").get("force_upcast")
    networks = {}
    for name, tensors in parts.items():
        itemsize = 4 if upcast and name == "vae" else dtype.itemsize
        kept = KEPT_PRECISE if dtype == torch.float16 and name.startswith("text_encoder") else None
        networks[name] = _network(_config_of(configuration, name), tensors, itemsize, kept)
    if is_gguf(path):
        networks[NETWORK] = _quantised(networks[NETWORK].config, gguf_tensors(path).values(), dtype.itemsize)
    return networks


def _config_of(configuration: Path, name: str) -> Mapping[str, Any]:
    """What a component's configuration says, in the words of diffusers."""
    config = component_config(configuration, name)
    if config.get("_class_name") == CLASS:
        return stock_configuration(config, configuration / name / CONFIGURATION)
    return config


def control_network(source: str, dtype: torch.dtype) -> Network:
    """A ControlNet; SjcError as `locate_control`."""
    folder = locate_control(source)
    tensors = _tensors_in(folder, "", weights_variant(folder))
    return _network(json_object(folder / CONFIGURATION), tensors, dtype.itemsize, None)


def ip_adapter_network(source: str, dtype: torch.dtype) -> Network:
    """What an IP-Adapter adds to the denoising network; SjcError as `locate_ip_adapter`."""
    return _network({}, list(tensor_headers(locate_ip_adapter(source)).items()), dtype.itemsize, None)


def picture_encoder_network(source: str) -> Network:
    """What sees the picture of an IP-Adapter, in full precision; SjcError as `picture_encoder`."""
    folder = picture_encoder(locate_ip_adapter(source))
    tensors = _tensors_in(folder, "", weights_variant(folder))
    return _network(json_object(folder / CONFIGURATION), tensors, torch.float32.itemsize, None)


def _parts_of(file: Path) -> dict[str, list[Tensor]]:
    parts: dict[str, list[Tensor]] = {}
    for name, header in tensor_headers(file).items():
        part = next((part for start, part in SINGLE_FILE_PARTS.items() if name.startswith(start)), "text_encoder")
        parts.setdefault(part, []).append((name, header))
    return parts


def _tensors_in(path: Path, name: str, variant: str | None) -> list[Tensor]:
    """From the files that diffusers takes: those of the variant, or else the plain ones."""
    files = sorted((path / name if is_folder(path / name) else path).glob("*.safetensors"))
    wanted = [file for file in files if variant and f".{variant}" in file.name]
    wanted = wanted or [file for file in files if file.name.count(".") == 1]
    return [tensor for file in wanted for tensor in tensor_headers(file).items()]


def _network(config: Mapping[str, Any], tensors: Sequence[Tensor], itemsize: int, precise: str | None) -> Network:
    """A component whose numbers take `itemsize` bytes, but four in the tensors whose names end with `precise`."""
    sizes = [
        math.prod(header.get("shape", ())) * (4 if precise and name.endswith(precise) else itemsize)
        for name, header in tensors
        if header.get("dtype") in FLOATS
    ]
    return Network(sum(sizes), max(sizes, default=0), config)


def _quantised(config: Mapping[str, Any], tensors: Collection[StoredTensor], itemsize: int) -> Network:
    """A network whose weights stay quantised, but for those of one layer at a time."""
    stored = [one.size if one.quantised else math.prod(one.shape) * itemsize for one in tensors]
    meant = [math.prod(one.shape) * itemsize for one in tensors]
    return Network(sum(stored) + COMPUTED * max(meant), max(meant), config, sum(meant) - sum(stored))
