# SPDX-License-Identifier: GPL-3.0-or-later
"""IP-Adapters: a picture beside the prompt, by attention of its own, https://arxiv.org/abs/2308.06721."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from ...protocol.errors import SjcError
from ...protocol.home import expanded
from ...protocol.model_families import json_object, tensor_headers
from ...protocol.outside_file import is_file, is_folder
from ..image_files.picture_file import squared
from .load_errors import library_explained
from .model_source import PICKLED_SUFFIXES, pickled
from .outside_folder import require_component
from .pipeline_folder import weights_variant

PIPELINES = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")
ENCODER_FOLDERS = ("image_encoder", "../models/image_encoder")
"""Where the network that sees the picture is, from the folder of the weights: as in the repository h94/IP-Adapter."""

ENCODER_CLASS = "CLIPVisionModelWithProjection"
LARGEST = 10_000_000_000
"""Bytes of an IP-Adapter; those for Stable Diffusion XL have up to 1.4 GB."""

WIDEST = 16_384
"""Of any dimension of a tensor in it but the first: what is built by them is as large as their products."""

PROJECTION, ATTENTION = "image_proj.", "ip_adapter."
FIRST_KEY = f"{ATTENTION}1.to_k_ip.weight"


@dataclass(frozen=True)
class _Kind:
    """One that is known by a tensor's name; of that tensor's dimension `width` is that of the pictures' embedding."""

    mark: str
    width: int
    of_patches: bool


KINDS = (_Kind("proj.weight", 1, False), _Kind("proj.3.weight", 0, True), _Kind("proj_in.weight", 1, True))
"""The plain one sees a picture as a whole; "full face" and "plus" see the encoder's patches."""


class IpAdapter:
    """What an IP-Adapter does in a U-Net.

    Parameters
    ----------
    unet : UNet2DConditionModel
        Into which it was loaded.
    encoder : Path
        Folder of the network that sees pictures.
    of_patches : bool
        Whether it takes that network's patches, or what it makes of the whole.
    width : int
        Of an embedding.
    """

    def __init__(self, unet: Any, encoder: Path, width: int, *, of_patches: bool) -> None:
        self._attention = [
            one for one in unet.attn_processors.values() if isinstance(getattr(one, "scale", None), list)
        ]
        self._encoder = encoder
        self._of_patches = of_patches
        self._nothing = torch.zeros(1, 1, width) if of_patches else torch.zeros(1, width)

    def embed(self, picture: np.ndarray, device: torch.device) -> torch.Tensor:
        """Embed a picture, [1, width] or [1, patches, width]; the network that does it is gone afterwards.

        What is not square is seen on a white ground, so that nothing of it is cut off.
        """
        from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

        with library_explained(self._encoder):
            network = CLIPVisionModelWithProjection.from_pretrained(
                self._encoder,
                dtype=torch.float32,
                variant=weights_variant(self._encoder),
                use_safetensors=True,
                local_files_only=True,
            ).eval()
        side = int(network.config.image_size)
        prepared = CLIPImageProcessor(size=side, crop_size=side)(squared(picture), return_tensors="pt").pixel_values
        with torch.no_grad():
            if not self._of_patches:
                embedding = network(prepared).image_embeds
            else:
                seen, nothing = (
                    network(torch.cat([prepared, torch.zeros_like(prepared)]), output_hidden_states=True)
                    .hidden_states[-2]
                    .split(1)
                )
                embedding, self._nothing = seen, nothing
        return embedding.float().to(device)

    def told(
        self, picture: torch.Tensor | None, shows: torch.Tensor, strength: float, dtype: torch.dtype
    ) -> dict[str, Any]:
        """What a U-Net is told of it.

        Parameters
        ----------
        picture : Tensor [N, ...] or None
            Embedding for each sample.
        shows : Tensor [N], bool
            Which samples are of a prompt with the picture; the others see none, as in diffusers' pipelines.

        Returns
        -------
        dict
            A part of the argument ``added_cond_kwargs``.
        """
        for one in self._attention:
            one.scale = [strength if picture is not None else 0.0]
        nothing = self._nothing.to(shows.device)
        rows = nothing.expand(len(shows), *nothing.shape[1:])
        if picture is not None:
            rows = picture.where(shows.view(-1, *[1] * (picture.ndim - 1)), rows)
        return {"image_embeds": [rows[:, None].to(dtype)]}


def locate_ip_adapter(source: str) -> Path:
    """Find an IP-Adapter's file and judge what lies in it; nothing is loaded.

    Raises
    ------
    SjcError
        ``unknown_ip_adapter``, ``pickled_weights``, ``unsupported_ip_adapter``.
    """
    file = expanded(source)
    if not is_file(file):
        raise SjcError(
            "unknown_ip_adapter",
            f"There is no file {str(file.absolute())!r}; an IP-Adapter is a .safetensors file.",
            "Choose the file, beside which lies the folder image_encoder.",
        )
    if file.suffix.lower() in PICKLED_SUFFIXES:
        raise pickled(file)
    headers = tensor_headers(file)
    if file.stat().st_size > LARGEST or not headers:
        raise _unsupported(file, "is no .safetensors file of an IP-Adapter")
    strange = next((name for name in headers if not name.startswith((PROJECTION, ATTENTION))), None)
    if strange is not None or FIRST_KEY not in headers:
        raise _unsupported(file, f"is no IP-Adapter: it holds {str(strange or min(headers))[:80]!r}")
    if _kind(headers) is None:
        raise _unsupported(
            file, "is for faces that another program recognises (FaceID), or of a kind that is not known"
        )
    for name, header in headers.items():
        shape = _shape(header)
        if not 1 <= len(shape) <= 3 or max(shape[1:], default=0) > WIDEST:
            raise _unsupported(file, f"has a tensor {name[:80]!r} of the shape {shape}, which none has that is known")
    return file


def picture_encoder(file: Path) -> Path:
    """The folder of the network that sees pictures for an adapter that `locate_ip_adapter` has found.

    Raises
    ------
    SjcError
        ``ip_adapter_mismatch`` if none of its width is beside it; of what is wrong with the folder's files.
    """
    kind, width = _seen(tensor_headers(file))
    return _encoder_of(file, width, of_patches=kind.of_patches)


def with_ip_adapter(pipeline: Any, source: str) -> IpAdapter:
    """Give a pipeline's U-Net an IP-Adapter.

    Parameters
    ----------
    pipeline : DiffusionPipeline
        Not yet moved to its device.

    Raises
    ------
    SjcError
        As `locate_ip_adapter`; ``unsupported_ip_adapter`` for a model of a family that takes none,
        ``ip_adapter_mismatch`` if it was made for another model, or has no network that sees pictures beside it.
    """
    if type(pipeline).__name__ not in PIPELINES:
        raise takes_no_picture(f"Models of the class {type(pipeline).__name__}")
    file = locate_ip_adapter(source)
    headers = tensor_headers(file)
    kind, width = _seen(headers)
    unet = pipeline.unet
    places = [name for name in unet.attn_processors if not name.endswith("attn1.processor")]
    told = [name for name in headers if name.endswith(".to_k_ip.weight")]
    its, the_models = _shape(headers[FIRST_KEY])[-1], unet.config.cross_attention_dim
    if its != the_models or len(told) != len(places):
        raise SjcError(
            "ip_adapter_mismatch",
            f"The IP-Adapter {file} does not fit the model: it is for {len(told)} layers and texts {its} wide, and "
            f"the model has {len(places)} layers and texts {the_models} wide.",
            "An IP-Adapter works with the family that it was made for, such as Stable Diffusion 1.5 or XL.",
        )
    encoder = _encoder_of(file, width, of_patches=kind.of_patches)
    with library_explained(file):
        state: dict[str, dict[str, torch.Tensor]] = {"image_proj": {}, "ip_adapter": {}}
        for name, tensor in load_file(file).items():
            part, _, rest = name.partition(".")
            state[part][rest] = tensor
        # The tensors, not the path: by a path diffusers would look elsewhere, and for pickles.
        pipeline.load_ip_adapter(
            state, subfolder="", weight_name=file.name, image_encoder_folder=None, low_cpu_mem_usage=False
        )
    return IpAdapter(unet, encoder, width, of_patches=kind.of_patches)


def takes_no_picture(models: str) -> SjcError:
    """The refusal of an IP-Adapter for models that have no place for one."""
    return SjcError(
        "unsupported_ip_adapter",
        f"{models} take no IP-Adapter, and so no picture.",
        "Choose a model of Stable Diffusion 1, 2 or XL, or leave the picture out.",
    )


def _encoder_of(file: Path, width: int, *, of_patches: bool) -> Path:
    """The folder of the network whose embeddings are as wide; SjcError ``ip_adapter_mismatch`` if there is none."""
    looked = []
    for name in ENCODER_FOLDERS:
        folder = file.parent / name
        if not is_folder(folder):
            continue
        config = json_object(folder / "config.json")
        its = config.get("hidden_size" if of_patches else "projection_dim")
        if its == width and ENCODER_CLASS in json.dumps(config.get("architectures")):
            require_component(folder, folder)
            weights_variant(folder)
            return folder
        looked.append(f"{folder} is for embeddings {str(its)[:20]} wide")
    found = f"; {looked[0]}" if looked else ""
    raise SjcError(
        "ip_adapter_mismatch",
        f"The IP-Adapter {file} needs a network that sees pictures ({ENCODER_CLASS}, {width} wide) in the folder "
        f"{ENCODER_FOLDERS[0]} beside it{found}.",
        "Put that folder there, as it is in the repository of the IP-Adapter.",
    )


def _kind(headers: Mapping[str, Any]) -> _Kind | None:
    """Which it is; None for those of faces, whose other tensors have the same names, and for what is not known."""
    names = {name.removeprefix(PROJECTION) for name in headers if name.startswith(PROJECTION)}
    of_faces = any("lora" in name for name in headers) or {"norm.weight", "proj.2.weight"} <= names
    if of_faces or any(name.startswith("perceiver_resampler.") for name in names):
        return None
    return next((kind for kind in KINDS if kind.mark in names), None)


def _seen(headers: Mapping[str, Any]) -> tuple[_Kind, int]:
    """What an adapter that was judged takes of a picture, and how wide that is."""
    kind = _kind(headers)
    assert kind is not None
    return kind, _shape(headers[PROJECTION + kind.mark])[kind.width]


def _shape(header: Mapping[str, Any]) -> tuple[int, ...]:
    shape = header.get("shape")
    return tuple(shape) if isinstance(shape, list) and all(isinstance(size, int) for size in shape) else ()


def _unsupported(file: Path, why: str) -> SjcError:
    return SjcError(
        "unsupported_ip_adapter",
        f"{file} {why}.",
        "Choose an IP-Adapter (plain, plus or full face) for Stable Diffusion 1.5 or XL.",
    )
