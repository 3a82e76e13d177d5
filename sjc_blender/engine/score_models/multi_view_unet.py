# SPDX-License-Identifier: GPL-3.0-or-later
"""The network of MVDream's folders as a U-Net of diffusers: its configuration and the names of its tensors.

The folders hold a class of their own with its code; here that code is not needed. The network is the U-Net of Stable
Diffusion 2 under its original names, with a second embedding beside that of the time, of a camera in 16 numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ...protocol.errors import SjcError
from ...protocol.model_families import json_object
from ...protocol.outside_file import is_file
from .pipeline_folder import weights_variant

CLASS = "MultiViewUNetModel"
CAMERA_NUMBERS = 16
"""Of a camera: its matrix from camera to world, row by row."""

WEIGHTS = "diffusion_pytorch_model"
ORIGINAL = "model.diffusion_model."
"""How tensors of a U-Net begin in original checkpoints, whose names diffusers knows."""

CAMERA = {"camera_embed.0.": "label_emb.0.0.", "camera_embed.2.": "label_emb.0.2."}
"""The embedding of the camera, and where U-Nets of the original names have one of a class, which is computed alike."""

MOST_LEVELS = 8
MOST_HEADS = 1024
ELSEWHERE = {
    "ip_dim": "takes a picture beside the prompt (ImageDream)",
    "num_classes": "is of classes",
    "adm_in_channels": "is of classes",
    "n_embed": "predicts entries of a code book",
    "num_attention_blocks": "has attention in some of its blocks only",
    "use_scale_shift_norm": "has other normalisations than MVDream",
    "resblock_updown": "changes its resolution in other blocks than MVDream",
}
"""Settings of the class that MVDream does not use, and what a network with them does."""


def stock_configuration(config: Mapping[str, Any], where: Path) -> dict[str, Any]:
    """Say in the words of ``UNet2DConditionModel`` what a ``MultiViewUNetModel`` is.

    Parameters
    ----------
    config : mapping
        Its ``config.json``.
    where : Path
        Of that file, for messages.

    Raises
    ------
    SjcError
        ``unsupported_pipeline`` for a network that is not MVDream's, ``broken_model`` for a configuration without
        sense.
    """
    if config.get("_class_name") != CLASS:
        raise SjcError(
            "unsupported_pipeline",
            f"{where} is the configuration of a {str(config.get('_class_name'))[:60]!r}; a network of MVDream is a "
            f"{CLASS}.",
            "Choose a folder such as ashawkey/mvdream-sd2.1-diffusers, or a text-to-image model.",
        )
    for name, does in ELSEWHERE.items():
        if config.get(name):
            raise SjcError(
                "unsupported_pipeline",
                f"The network of {where} {does}, which its setting {name} tells; of this class those of MVDream can "
                "be used.",
                "Choose a folder such as ashawkey/mvdream-sd2.1-diffusers.",
            )
    read = _Read(config, where)
    levels = read.numbers("channel_mult", 64)
    width, blocks = read.number("model_channels", 8192), read.number("num_res_blocks", 16)
    attending = read.numbers("attention_resolutions", 2**MOST_LEVELS)
    channels = [width * level for level in levels]
    there = [2**index in attending for index in range(len(levels))]
    # One of the two says how heads are counted; the other is -1.
    size = config.get("num_head_channels", -1)
    heads = [max(1, channel // size) for channel in channels] if isinstance(size, int) and size > 0 else None
    if read.number("camera_dim", CAMERA_NUMBERS) != CAMERA_NUMBERS:
        raise read.broken("camera_dim", f"{CAMERA_NUMBERS}, the numbers of a camera's matrix")
    return {
        "sample_size": read.number("image_size", 1024),
        "in_channels": read.number("in_channels", 64),
        "out_channels": read.number("out_channels", 64),
        "block_out_channels": channels,
        "layers_per_block": blocks,
        "down_block_types": ["CrossAttnDownBlock2D" if attends else "DownBlock2D" for attends in there],
        "up_block_types": ["CrossAttnUpBlock2D" if attends else "UpBlock2D" for attends in reversed(there)],
        "cross_attention_dim": read.number("context_dim", 16384),
        # diffusers' name for the number of heads.
        "attention_head_dim": heads or read.number("num_heads", MOST_HEADS),
        "transformer_layers_per_block": read.number("transformer_depth", 16, 1),
        "use_linear_projection": True,
        "class_embed_type": "projection",
        "projection_class_embeddings_input_dim": CAMERA_NUMBERS,
    }


def outline_unet(folder: Path) -> Any:
    """The U-Net of a folder without its weights: its tensors have sizes and no storage."""
    from diffusers import UNet2DConditionModel

    file = folder / "config.json"
    with torch.device("meta"):
        return UNet2DConditionModel.from_config(stock_configuration(json_object(file), file))


def load_unet(folder: Path, dtype: torch.dtype) -> Any:
    """Load the U-Net of a folder; SjcError as `stock_configuration`, ``missing_component``, ``broken_model``."""
    from safetensors.torch import load_file

    unet = outline_unet(folder)
    variant = weights_variant(folder)
    file = folder / f"{WEIGHTS}{'.' + variant if variant else ''}.safetensors"
    if not is_file(file):
        raise SjcError(
            "missing_component", f"{folder} has no {file.name}, its weights.", "Download the whole model again."
        )
    weights = renamed(load_file(file), unet.config)
    unet.load_state_dict({name: tensor.to(dtype) for name, tensor in weights.items()}, strict=True, assign=True)
    return unet


def renamed(weights: Mapping[str, torch.Tensor], config: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Give the tensors of a ``MultiViewUNetModel`` the names that diffusers has for them.

    Parameters
    ----------
    config : mapping
        Of the U-Net that they are for.

    Raises
    ------
    ValueError
        If some have no place in it.
    """
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    original = {}
    for name, tensor in weights.items():
        for theirs, known in CAMERA.items():
            if name.startswith(theirs):
                name = known + name.removeprefix(theirs)
        original[ORIGINAL + name] = tensor
    found: dict[str, torch.Tensor] = convert_ldm_unet_checkpoint(original, config)
    if len(found) != len(weights):
        raise ValueError(f"{len(weights) - len(found)} of its {len(weights)} tensors are of another network")
    return found


class _Read:
    """Settings that are what they have to be."""

    def __init__(self, config: Mapping[str, Any], where: Path) -> None:
        self._config, self._where = config, where

    def number(self, name: str, most: int, usual: int | None = None) -> int:
        value = self._config.get(name, usual)
        if isinstance(value, list) and value and len(set(map(str, value))) == 1:
            value = value[0]  # the same for each level
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise self.broken(name, f"a whole number from 1 to {most}")
        return value

    def numbers(self, name: str, most: int) -> list[int]:
        value = self._config.get(name)
        if not isinstance(value, list) or not 1 <= len(value) <= MOST_LEVELS:
            raise self.broken(name, f"a list of 1 to {MOST_LEVELS} numbers")
        if any(isinstance(one, bool) or not isinstance(one, int) or not 1 <= one <= most for one in value):
            raise self.broken(name, f"whole numbers from 1 to {most}")
        return value

    def broken(self, name: str, allowed: str) -> SjcError:
        return SjcError(
            "broken_model",
            f"{self._where} has {str(self._config.get(name))[:60]} in {name!r}; allowed: {allowed}.",
            "Download the model again, or choose another.",
        )
