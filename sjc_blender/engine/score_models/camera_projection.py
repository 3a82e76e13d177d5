# SPDX-License-Identifier: GPL-3.0-or-later
"""The layer of Zero-1-to-3's folders that puts a picture's embedding and a camera into one token."""

from __future__ import annotations

from pathlib import Path

import torch

from ...protocol.errors import SjcError
from .load_errors import library_explained
from .pipeline_folder import weights_variant

PLACES = ("clip_camera_projection", "cc_projection")
"""What folders call it; each has one of them."""

CAMERA_NUMBERS = 4
LAYERS = ("proj", "projection")
"""What its tensors are called by, with .weight and .bias behind."""

ELSEWHERE = "It is not the format of Zero-1-to-3, or damaged: choose a folder such as bennyguo/zero123-xl-diffusers."


def load_projection(folder: Path, width: int, embedding: int, dtype: torch.dtype) -> torch.nn.Linear:
    """Load the layer of a folder.

    Parameters
    ----------
    width : int
        Of the network's tokens.
    embedding : int
        Length of a picture's embedding.

    Raises
    ------
    SjcError
        ``missing_component``, ``pickled_weights``; ``broken_model`` if it holds anything but that layer.
    """
    from safetensors.torch import load_file

    variant = weights_variant(folder)
    file = folder / f"diffusion_pytorch_model{'.' + variant if variant else ''}.safetensors"
    with library_explained(folder):
        tensors = load_file(file)
    wanted = {"weight": (width, embedding + CAMERA_NUMBERS), "bias": (width,)}
    for name in LAYERS:
        found = {part: tensors.get(f"{name}.{part}") for part in wanted}
        if len(tensors) == len(wanted) and all(
            tensor is not None and tuple(tensor.shape) == wanted[part] for part, tensor in found.items()
        ):
            layer = torch.nn.utils.skip_init(torch.nn.Linear, embedding + CAMERA_NUMBERS, width, dtype=dtype)
            layer.load_state_dict({part: tensor for part, tensor in found.items() if tensor is not None})
            return layer
    told = ", ".join(f"{name} {list(tensor.shape)}" for name, tensor in list(tensors.items())[:4])
    raise SjcError(
        "broken_model",
        f"{file} holds {told[:200] or 'nothing'}; a layer from a picture's embedding and a camera to the network's "
        f"tokens has a weight of {list(wanted['weight'])} and a bias of {list(wanted['bias'])}.",
        ELSEWHERE,
    )
