# SPDX-License-Identifier: GPL-3.0-or-later
"""ControlNets: networks that steer a U-Net by a picture of the same view, https://arxiv.org/abs/2302.05543."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from ...protocol.errors import SjcError
from ...protocol.home import expanded
from ...protocol.hub_cache import HUB_ID, cached_snapshot
from ...protocol.model_families import json_object
from ...protocol.outside_file import is_file, is_folder, is_there
from .load_errors import library_explained
from .outside_folder import require_component
from .pipeline_folder import weights_variant

CONFIGURATION = "config.json"
CLASS = "ControlNetModel"

PIPELINES = {
    "StableDiffusionPipeline": "StableDiffusionControlNetPipeline",
    "StableDiffusionXLPipeline": "StableDiffusionXLControlNetPipeline",
}
"""By a pipeline's class, that of the same one with a ControlNet."""

PICTURE_CHANNELS = 3

TAUGHT = "A ControlNet works with the family that it was trained on, such as Stable Diffusion 1.5 or XL."


def locate_control(source: str) -> Path:
    """Find a ControlNet's folder and judge what lies in it; nothing is downloaded or loaded.

    Parameters
    ----------
    source : str
        See `sjc_blender.protocol.spec.ModelSpec.control`.

    Raises
    ------
    SjcError
        ``unknown_control`` if there is no such folder, ``unsupported_control`` if it holds no ControlNet of the one
        class that is loaded; ``pickled_weights``, ``missing_component``, ``unsafe_model``, ``broken_model``.
    """
    folder = expanded(source)
    if not is_folder(folder):
        snapshot = cached_snapshot(source, CONFIGURATION) if not is_there(folder) else None
        if snapshot is None:
            raise _unknown(source, folder)
        folder = snapshot
    name = json_object(folder / CONFIGURATION).get("_class_name") if is_file(folder / CONFIGURATION) else None
    if name != CLASS:
        found = f"a {str(name)[:60]}" if name else f"no {CONFIGURATION} that names its class"
        raise SjcError(
            "unsupported_control",
            f"The folder {folder} holds {found}; a ControlNet for a guide is a {CLASS} of diffusers.",
            f"Choose the folder that holds the {CONFIGURATION} and the .safetensors file of a ControlNet.",
        )
    require_component(folder, folder)
    weights_variant(folder)
    return folder


def with_control(pipeline: Any, source: str, dtype: torch.dtype) -> Any:
    """Give a pipeline a ControlNet.

    Parameters
    ----------
    pipeline : DiffusionPipeline
        Not yet moved to its device; its components go into the new one.
    source : str
        See `locate_control`.

    Returns
    -------
    DiffusionPipeline
        Diffusers' own with a ``controlnet``.

    Raises
    ------
    SjcError
        As `locate_control`; ``unsupported_control`` for a model of a family that takes none, ``control_mismatch`` if it
        was made for another model.
    """
    import diffusers

    kind = PIPELINES.get(type(pipeline).__name__)
    if kind is None:
        raise takes_none(f"Models of the class {type(pipeline).__name__}")
    folder = locate_control(source)
    _require_fit(folder, json_object(folder / CONFIGURATION), pipeline)
    with library_explained(folder):
        network = diffusers.ControlNetModel.from_pretrained(
            folder, torch_dtype=dtype, variant=weights_variant(folder), use_safetensors=True, local_files_only=True
        )
    network.eval().requires_grad_(False)
    settings = {name: pipeline.config[name] for name in ("force_zeros_for_empty_prompt",) if name in pipeline.config}
    settings |= {"requires_safety_checker": False} if "safety_checker" in pipeline.components else {}
    return getattr(diffusers, kind)(**pipeline.components, controlnet=network, **settings)


def takes_none(models: str) -> SjcError:
    """The refusal of a ControlNet for models that have no place for one."""
    return SjcError(
        "unsupported_control",
        f"{models} take no ControlNet, and so no guide.",
        "Choose a model of Stable Diffusion 1, 2 or XL, or leave the guide out.",
    )


def pixels_per_sample(config: Any) -> int:
    """Pixels of the picture along a side for one of the samples (latents)."""
    channels = config.get("conditioning_embedding_out_channels")
    usual = not isinstance(channels, Sequence) or isinstance(channels, str) or not channels
    return int(2 ** ((4 if usual else len(channels)) - 1))


def residuals(
    network: Any,
    network_input: torch.Tensor,
    timestep: float,
    embeddings: torch.Tensor,
    picture: torch.Tensor,
    strength: float,
    **told: Any,
) -> dict[str, Any]:
    """What a ControlNet adds to the features of a U-Net, as the U-Net takes it.

    Parameters
    ----------
    network_input : Tensor [N, C, H, W]
    embeddings : Tensor [N, tokens, width]
    picture : Tensor [N, 3, h, w] in [0, 1]
    **told
        Further conditions of the U-Net.
    """
    down, middle = network(
        network_input,
        timestep,
        encoder_hidden_states=embeddings,
        controlnet_cond=picture.to(network_input),
        conditioning_scale=strength,
        return_dict=False,
        **told,
    )
    return {"down_block_additional_residuals": down, "mid_block_additional_residual": middle}


def _require_fit(folder: Path, config: dict[str, Any], pipeline: Any) -> None:
    for difference in _differences(config, pipeline.unet.config, pipeline.vae_scale_factor):
        raise SjcError("control_mismatch", f"The ControlNet {folder} does not fit the model: {difference}.", TAUGHT)


def _differences(control: dict[str, Any], unet: Any, pixels: int) -> Iterator[str]:
    """Where the configuration of a ControlNet is not one for a U-Net, in words; what is not told is the usual."""
    channels = control.get("conditioning_channels", PICTURE_CHANNELS)
    if channels != PICTURE_CHANNELS:
        yield f"it takes pictures of {channels} channels, and a guide's have {PICTURE_CHANNELS}"
    for name, usual, words in (
        ("in_channels", 4, "channels of its samples"),
        ("cross_attention_dim", 1280, "width of its texts"),
        ("block_out_channels", (320, 640, 1280, 1280), "channels of its blocks"),
        ("layers_per_block", 2, "layers of its blocks"),
    ):
        its, the_models = _plain(control.get(name, usual)), _plain(unet.get(name))
        if its != the_models:
            yield f"the {words}, {name}, is {its}, and the model's {the_models}"
    if pixels_per_sample(control) != pixels:
        yield f"it has one sample for {pixels_per_sample(control)} pixels along a side, and the model for {pixels}"
    for name in ("addition_embed_type", "class_embed_type", "num_class_embeds"):
        if control.get(name) not in (None, unet.get(name)):
            yield f"its {name} is {str(control[name])[:40]!r}, and the model's {unet.get(name)!r}"
    if control.get("addition_embed_type") == "text_time":
        name = "projection_class_embeddings_input_dim"
        if control.get(name) != unet.get(name):
            yield f"its {name} is {str(control.get(name))[:40]}, and the model's {unet.get(name)}"
    if control.get("global_pool_conditions"):
        yield "it does not follow the places in its picture (global_pool_conditions)"


def _plain(value: Any) -> Any:
    """A number, or numbers for each block as one number where they are all the same."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return value
    return value[0] if len(set(map(str, value))) == 1 else list(value)


def _unknown(source: str, folder: Path) -> SjcError:
    if is_file(folder):
        return SjcError(
            "unsupported_control",
            f"The ControlNet {folder} is a file; one is read from a folder in diffusers format, which has its "
            f"{CONFIGURATION}.",
            "Choose that folder, or the Hugging Face id of one that is in the local cache.",
        )
    looked = f"There is no folder {str(folder.absolute())!r}"
    if not HUB_ID.fullmatch(source):
        return SjcError(
            "unknown_control",
            f"The ControlNet {source!r} was not found. {looked}.",
            "Give a folder in diffusers format, or a Hugging Face id (owner/name) that is in the local cache.",
        )
    return SjcError(
        "unknown_control",
        f"The ControlNet {source!r} was not found. {looked}, and the local Hugging Face cache has no such id; "
        "the engine itself downloads nothing.",
        f"If it is a Hugging Face id, run: blender --online-mode --command sjc models download {source}",
    )
