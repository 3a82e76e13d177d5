# SPDX-License-Identifier: GPL-3.0-or-later
"""A LoRA's tensors, brought to one form: every layer of the same rank, its strength inside, under its network's name.

Each layer of a file may have a rank of its own, and a strength alpha / rank of its own, in its tensors, in the file's
header or in a file beside it. What loads a LoRA takes both from the commonest layer where it is not told well. With
zeros up to the largest rank, and the strength in the tensors, there is nothing left to be told.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...protocol.errors import SjcError
from ...protocol.json_text import BadJson, from_text
from ...protocol.model_families import json_object, safetensors_header

CONFIGURATION = "adapter_config.json"
HEADER = "lora_adapter_metadata"
NETWORKS = ("unet", "transformer", "text_encoder", "text_encoder_2", "text_encoder_3")
OTHER_FORMATS = {
    "dora_scale": "a DoRA",
    "lora_magnitude_vector": "a DoRA",
    "hada_": "a LoHa",
    "lokr_": "a LoKr",
    "lora_mid": "a LoCon with a Tucker decomposition",
    ".oft_": "an OFT",
    ".boft_": "a BOFT",
    "glora": "a GLoRA",
    ".ia3_": "an IA3",
    ".vera_": "a VeRA",
    ".on_input": "an IA3",
    ".w_norm": "a LoRA with norms",
    "bundle_emb": "a LoRA with embeddings of its own",
    ".diff": "a file of whole differences",
}
"""By a part of a tensor's name."""

_PAIR = re.compile(
    r"(.+?)(\.lora_|_lora\.|\.lora\.|\.lora_linear_layer\.)(A|B|down|up)(\.default|\.default_0)?\.weight"
)
_FIRST = ("A", "down")
_PEFT = "base_model.model."


@dataclass
class _Layer:
    down: str = ""
    up: str = ""


def uniform_lora(file: Path, tensors: Mapping[str, torch.Tensor], pipeline: Any) -> dict[str, torch.Tensor]:
    """Bring a LoRA to one form.

    Parameters
    ----------
    file : Path
        Its header and a configuration beside it may tell its strength.
    tensors : mapping of str to Tensor
        What it holds.
    pipeline : DiffusionPipeline
        Tells which network a layer without one in its name is of.

    Returns
    -------
    dict of str to Tensor
        Pairs of one rank, float32, whose product is what is added to a layer's weights at a strength of 1.

    Raises
    ------
    SjcError
        ``unsupported_adapter`` for another format, ``adapter_mismatch`` for one that is not whole.
    """
    other = next((told for part, told in OTHER_FORMATS.items() if any(part in name for name in tensors)), None)
    if other is not None:
        raise _unsupported(file, f"is {other}, a format that is not supported")
    layers, alphas = _layers(file, tensors)
    told = _told_strengths(file)
    ranks = {layer: tensors[names.down].shape[0] for layer, names in layers.items()}
    most = max(ranks.values())
    uniform = {}
    for layer, names in layers.items():
        down, up = tensors[names.down].float(), tensors[names.up].float()
        rank = ranks[layer]
        if down.ndim not in (2, 4) or up.ndim != down.ndim or up.shape[1] != rank or rank == 0:
            shapes = f"{tuple(down.shape)} and {tuple(up.shape)}"
            raise _broken(file, f"the tensors of its layer {layer!r} have the shapes {shapes}, which make no product")
        scale = alphas[layer] / rank if layer in alphas else told.of(layer, rank)
        if not math.isfinite(scale):
            raise _broken(file, f"its layer {layer!r} has no finite strength")
        empty = most - rank
        down = torch.cat([down, down.new_zeros(empty, *down.shape[1:])])
        up = torch.cat([scale * up, up.new_zeros(up.shape[0], empty, *up.shape[2:])], dim=1)
        for name, tensor in ((names.down, down), (names.up, up)):
            uniform[_full_name(name.replace(".default_0.", ".").replace(".default.", "."), pipeline)] = tensor
    return uniform


def _layers(file: Path, tensors: Mapping[str, torch.Tensor]) -> tuple[dict[str, _Layer], dict[str, float]]:
    """Names of the tensors by layer, and the alphas among them."""
    layers: dict[str, _Layer] = {}
    alphas = {}
    for name, tensor in tensors.items():
        found = _PAIR.fullmatch(name)
        if found is not None:
            layer = layers.setdefault(found[1], _Layer())
            setattr(layer, "down" if found[3] in _FIRST else "up", name)
        elif name.endswith(".alpha") and tensor.numel() == 1:
            alphas[name.removesuffix(".alpha").removesuffix(".lora")] = float(tensor)
        else:
            raise _unsupported(file, f"holds {name[-100:]!r}, which no LoRA has that can be read")
    for name, layer in layers.items():
        if not layer.down or not layer.up:
            raise _broken(file, f"its layer {name!r} has one of its two tensors only")
    stray = next((name for name in alphas if name not in layers), None)
    if stray is not None or not layers:
        raise _unsupported(file, f"tells the strength of {stray!r}, and holds no tensors for it")
    return layers, alphas


@dataclass(frozen=True)
class _Told:
    """Strengths in the words of PEFT's configurations, by the network that begins a layer's name ("" for any)."""

    by_network: Mapping[str, Mapping[str, Any]]

    def of(self, layer: str, rank: int) -> float:
        network = layer.split(".", 1)[0]
        told = self.by_network.get(network, self.by_network.get("", {}))
        alpha = _number(told.get("lora_alpha"))
        patterns = told.get("alpha_pattern")
        for pattern, value in (patterns if isinstance(patterns, dict) else {}).items():
            if layer == pattern or layer.endswith("." + str(pattern)):
                alpha = _number(value)
        if alpha is None:
            return 1.0  # as diffusers' training scripts mean it
        return alpha / (math.sqrt(rank) if told.get("use_rslora") else rank)


def _number(value: Any) -> float | None:
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return math.inf  # no finite strength


def _told_strengths(file: Path) -> _Told:
    """What a file's header or the configuration beside it says of its strength."""
    by_network: dict[str, dict[str, Any]] = {}
    header = safetensors_header(file).get("__metadata__")
    text = header.get(HEADER) if isinstance(header, dict) else None
    if isinstance(text, str):
        try:
            told = from_text(text, as_libraries=True)
        except BadJson:
            told = {}
        for name, value in (told if isinstance(told, dict) else {}).items():
            network, _, key = str(name).rpartition(".")
            by_network.setdefault(network, {})[key] = value
    beside = json_object(file.parent / CONFIGURATION)
    if not by_network and file.name == "adapter_model.safetensors":
        by_network[""] = beside
    for told in by_network.values():
        if told.get("use_dora"):
            raise _unsupported(file, "is a DoRA, a format that is not supported")
    return _Told(by_network)


def _full_name(name: str, pipeline: Any) -> str:
    """A tensor's name with its network before it, as diffusers knows it."""
    name = name.removeprefix(_PEFT)
    if name.startswith(("lora_", *(network + "." for network in NETWORKS))):
        return name
    found = _PAIR.fullmatch(name)
    layer = found[1] if found is not None else name
    for network in NETWORKS:
        part = getattr(pipeline, network, None)
        if part is not None and any(layer == known for known, _ in part.named_modules()):
            return f"{network}.{name}"
    return name


def _unsupported(file: Path, why: str) -> SjcError:
    return SjcError(
        "unsupported_adapter",
        f"{file} {why}.",
        "Choose a LoRA in the format of diffusers, PEFT or kohya, or merge it into its model with the tool it is from.",
    )


def _broken(file: Path, why: str) -> SjcError:
    return SjcError("adapter_mismatch", f"{file} cannot be used: {why}.", "Download it again.")
