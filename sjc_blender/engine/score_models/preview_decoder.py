# SPDX-License-Identifier: GPL-3.0-or-later
"""Quick looks: previews by the model's own decoder, by a tiny one, or by a linear map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ...protocol.errors import SjcError
from ...protocol.hub_cache import cached_snapshot
from ...protocol.profile_content import ModelProfile
from ...protocol.spec import ModelSpec
from ..this_process.offline import stay_offline
from .latents import pixels_to_srgb
from .load_errors import library_explained
from .model_source import download_command
from .outside_folder import require_component, require_header
from .score_model import ScoreModel

TINY = {
    "stable_diffusion": "madebyollin/taesd",
    "stable_diffusion_xl": "madebyollin/taesdxl",
    "stable_diffusion_3": "madebyollin/taesd3",
    "dit": "madebyollin/taesd",
}
"""Hugging Face ids of tiny autoencoders, by family; DiT has the latents of Stable Diffusion."""

Decoder = Callable[[torch.Tensor], torch.Tensor]
"""As `ScoreModel.decode`, perhaps at another size."""


def preview_decoder(spec: ModelSpec, profile: ModelProfile, model: ScoreModel) -> Decoder:
    """Find the decoder that a job asks for; models of pixels need none.

    Raises
    ------
    SjcError
        ``no_preview_decoder`` if the family has none of the kind, or the local cache lacks it.
    """
    if spec.preview_decoder == "full" or model.pixel_space:
        return model.decode
    if spec.preview_decoder == "tiny":
        return _tiny(profile, model)
    if len(profile.latent_rgb) != model.channels:
        raise _missing(profile, "linear map from latents to colours", 'Set model.preview_decoder to "full" or "tiny".')
    matrix = torch.tensor(profile.latent_rgb, device=model.device)
    bias = torch.tensor(profile.latent_rgb_bias, device=model.device)
    return lambda samples: (torch.einsum("bchw,cr->brhw", samples, matrix) + bias[:, None, None]).clamp(0.0, 1.0)


def _tiny(profile: ModelProfile, model: ScoreModel) -> Decoder:
    if profile.family not in TINY:
        raise _missing(profile, "tiny decoder", 'Set model.preview_decoder to "full".')
    folder = cached_snapshot(TINY[profile.family], "config.json")
    if folder is None:
        command = download_command(TINY[profile.family], "config.json", "*.safetensors")
        raise _missing(
            profile,
            f"tiny decoder {TINY[profile.family]} in the local Hugging Face cache",
            f"Download it in the panel Model of Blender's sidebar, or run: {command}",
        )
    stay_offline()
    require_component(folder, folder)
    require_header(folder / "diffusion_pytorch_model.safetensors")
    from diffusers import AutoencoderTiny

    with library_explained(folder):
        tiny: Any = AutoencoderTiny.from_pretrained(folder, use_safetensors=True, local_files_only=True)
    tiny.to(model.device).eval().requires_grad_(False)

    @torch.no_grad()
    def decode(samples: torch.Tensor) -> torch.Tensor:
        return pixels_to_srgb(tiny.decode(samples, return_dict=False)[0])

    return decode


def _missing(profile: ModelProfile, what: str, hint: str) -> SjcError:
    return SjcError("no_preview_decoder", f"There is no {what} for {profile.name}.", hint)
