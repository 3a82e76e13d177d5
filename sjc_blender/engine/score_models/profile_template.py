# SPDX-License-Identifier: GPL-3.0-or-later
"""A profile for a model to begin with: that which it is used by, with what its files and its encoder tell."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import torch

from ...protocol import codec
from ...protocol.component_classes import VAE
from ...protocol.errors import SjcError
from ...protocol.home import expanded
from ...protocol.model_events import GREY
from ...protocol.model_families import ModelFamily, holds_network_alone, own_profile
from ...protocol.model_profile import load_profile
from ...protocol.profile_content import ModelProfile
from ...protocol.profile_faults import LARGEST_IMAGE
from ...protocol.text_to_image import OTHER
from ..this_process.offline import stay_offline
from .assembly import load_part
from .latents import decoder_scale, encode_pictures, squashed
from .load_errors import library_explained
from .loading import ADAPTERS, adapter_of, family_at
from .model_source import locate_model
from .outline import outline_of
from .pipeline_folder import examine_folder
from .single_file import configuration_of

SIDE = 256
"""Pixels of the plain picture that is encoded, at the most."""

BORDER = 8
"""Of its side, the part at each border that is left out: encoders see their padding there."""


def template_of(source: str, background: str = GREY) -> dict[str, Any]:
    """Fill a profile in.

    Parameters
    ----------
    source : str
        See `sjc_blender.protocol.spec.ModelSpec.source`.
    background : str
        Colour behind the objects in the model's pictures, as ``#rrggbb``.

    Raises
    ------
    SjcError
        ``bad_usage`` for another colour; as `sjc_blender.engine.score_models.loading.load_score_model`.
    """
    stay_offline()
    colour = _colour(background)
    path = locate_model(source)
    family = family_at(path)
    profile = load_profile(source)
    if family.name == "reference_views":
        raise SjcError(
            "bad_usage",
            f"{path} is a folder of reference views: its pictures say what a profile would.",
            "Ask for the profile of a model with a network.",
        )
    adapter = adapter_of(path, family)  # refuses pipelines that no job could use
    decoder = adapter.allowed.get("vae") or adapter.allowed.get("movq")
    if family.name == OTHER.name or decoder not in (None, VAE):
        # An autoencoder of another kind: the background stays what it is.
        return _encoded(profile, source, path)
    model, _schedule = outline_of(path, family)
    vae = None if model.pixel_space else _vae_of(path, family)
    side = model.sample_size * (decoder_scale(vae.config) if vae is not None else 1)
    if vae is not None:
        feature = _plain_latents(vae, colour, min(side, SIDE))
    else:
        feature = squashed(colour)
    profile = dataclasses.replace(
        profile,
        image_size=min(side, LARGEST_IMAGE),
        background=tuple(round(value, 5) for value in feature.tolist()),
    )
    return _encoded(profile, source, path)


def _encoded(profile: ModelProfile, source: str, path: Path) -> dict[str, Any]:
    if own_profile(path) is None:
        profile = dataclasses.replace(profile, name=_name_of(source, path))
    told: dict[str, Any] = codec.encode(profile)
    return told


def _name_of(source: str, path: Path) -> str:
    """What a model is called: its Hugging Face id, or the name of its folder or file."""
    if not expanded(source).exists():
        return source
    return path.stem if path.is_file() else path.name


def _colour(text: str) -> torch.Tensor:
    """The colour [3] in [-1, 1] of ``#rrggbb``."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise SjcError("bad_usage", f"{text!r} is no colour.", f"Write it as #rrggbb, such as {GREY}, a grey.")
    return torch.tensor(list(bytes.fromhex(text[1:]))) / 127.5 - 1.0


def _plain_latents(vae: Any, colour: torch.Tensor, side: int) -> torch.Tensor:
    """The mean scaled latent [C] of a picture of one colour."""
    latents = encode_pictures(vae, colour.view(1, 3, 1, 1).expand(1, 3, side, side))[0]
    rows, columns = (size // BORDER for size in latents.shape[-2:])
    return latents[:, rows : latents.shape[1] - rows, columns : latents.shape[2] - columns].mean(dim=(1, 2))


def _vae_of(path: Path, family: ModelFamily) -> Any:
    """The autoencoder of a model, alone."""
    from diffusers import AutoencoderKL

    if path.is_file() and not holds_network_alone(path):
        configuration = str(configuration_of(path))
        with library_explained(path):
            return AutoencoderKL.from_single_file(
                str(path), config=configuration, subfolder="vae", local_files_only=True
            )
    adapter = ADAPTERS[family.name]
    path = configuration_of(path) if path.is_file() else path
    examine_folder(path, ("vae",), (), adapter.optional, adapter.allowed)
    with library_explained(path):
        return load_part(path, "vae", torch.float32)
