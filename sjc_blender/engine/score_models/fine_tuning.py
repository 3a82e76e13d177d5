# SPDX-License-Identifier: GPL-3.0-or-later
"""LoRAs and embeddings of new words, put on a pipeline before it runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ...protocol.errors import SjcError, first_line
from ...protocol.home import expanded
from ...protocol.model_families import tensor_names
from ...protocol.outside_file import is_file
from ...protocol.spec import Adapter
from .load_errors import is_out_of_memory
from .lora_format import OTHER_FORMATS, lora_pairs
from .lora_layers import NoSuchLayers, add_lora
from .model_source import PICKLED_SUFFIXES, pickled
from .quantised_layers import is_quantised

ENCODERS = {"clip_l": ("tokenizer", "text_encoder"), "clip_g": ("tokenizer_2", "text_encoder_2")}
"""Names of an embedding's tensors where there are two text encoders."""

LARGEST_ADAPTER = 10_000_000_000
"""Bytes; LoRAs of all layers at a high rank have a fifth of it."""

NAMELESS = {"emb_params", "*", *ENCODERS}


def apply_adapters(pipeline: Any, adapters: Sequence[Adapter]) -> None:
    """Put LoRAs into the weights, and embeddings into the vocabulary.

    An embedding's word is the name of its tensor, or that of its file if the tensor has a general name.

    Parameters
    ----------
    pipeline : DiffusionPipeline
        Not yet moved to its device.
    adapters : sequence of Adapter

    Raises
    ------
    SjcError
        ``unknown_adapter`` if there is no such file, ``pickled_weights``, ``unsupported_adapter`` if it is neither
        kind or the model's family takes none, ``adapter_mismatch`` if it was made for another model.
    """
    for adapter in adapters:
        file = expanded(adapter.path)
        if _is_embedding(_checked_names(file)):
            _add_embedding(pipeline, file)
        else:
            _add_lora(pipeline, file, adapter.weight)


def _checked_names(file: Path) -> frozenset[str]:
    if not is_file(file):
        raise SjcError("unknown_adapter", f"There is no file {str(file.absolute())!r}.", "Choose a .safetensors file.")
    if file.suffix.lower() in PICKLED_SUFFIXES:
        raise pickled(file)
    names = tensor_names(file)
    if file.stat().st_size > LARGEST_ADAPTER:
        raise SjcError(
            "unsupported_adapter",
            f"{file} has more than {LARGEST_ADAPTER // 10**9} GB, and no LoRA and no embedding has.",
            "Choose a LoRA or a textual inversion; a whole checkpoint is chosen as the model itself.",
        )
    if not names:
        raise SjcError(
            "unsupported_adapter", f"{file} is not a .safetensors file.", "Download it again, as .safetensors."
        )
    if not _is_embedding(names) and not _is_lora(names):
        raise SjcError(
            "unsupported_adapter",
            f"{file} is neither a LoRA nor an embedding: it holds {len(names)} tensors, {min(names)!r} for one.",
            "Choose a LoRA or a textual inversion; a whole checkpoint is chosen as the model itself.",
        )
    return names


def _is_lora(names: frozenset[str]) -> bool:
    """Whether a file is a LoRA, or of one of the formats beside that."""
    return any(mark in name for name in names for mark in ("lora", *OTHER_FORMATS))


def _is_embedding(names: frozenset[str]) -> bool:
    return names <= set(ENCODERS) or (len(names) == 1 and not _is_lora(names))


def _add_lora(pipeline: Any, file: Path, strength: float) -> None:
    if getattr(pipeline, "text_encoder", None) is None:
        raise _unsupported(pipeline, file, "LoRA")
    if any(map(is_quantised, pipeline.components.values())):
        raise SjcError(
            "unsupported_adapter",
            f"{file} is a LoRA, which is added to a model's weights, and those of this model are quantised (GGUF).",
            "Leave it out, or choose the model's file or folder of weights that are not quantised.",
        )
    pairs = lora_pairs(file, _tensors(file))
    try:
        add_lora(pipeline, pairs, strength)
    except NoSuchLayers as error:
        raise _mismatch(file, str(error)) from error
    except Exception as error:  # whatever torch and diffusers raise
        raise _explained(file, error) from error


def _add_embedding(pipeline: Any, file: Path) -> None:
    if not hasattr(pipeline, "load_textual_inversion"):
        raise _unsupported(pipeline, file, "embedding")
    tensors = _tensors(file)
    wanted = [key for key, (tokenizer, _) in ENCODERS.items() if getattr(pipeline, tokenizer, None) is not None]
    if len(tensors) != len(wanted):
        raise _mismatch(file, f"it is for {len(tensors)} text encoders, and the model has {len(wanted)}")
    for name, tensor in tensors.items():
        tokenizer, encoder = (getattr(pipeline, part) for part in ENCODERS.get(name, ENCODERS["clip_l"]))
        word = file.stem if name in NAMELESS else name
        try:
            pipeline.load_textual_inversion({word: tensor}, token=word, tokenizer=tokenizer, text_encoder=encoder)
        except Exception as error:  # whatever torch, transformers and diffusers raise
            raise _explained(file, error) from error


def _tensors(file: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(file)
    except (SafetensorError, OSError) as error:
        told = f"{file} cannot be read: {first_line(error)}."
        raise SjcError("unsupported_adapter", told, "Download it again, as .safetensors.") from error


def _explained(file: Path, error: Exception) -> Exception:
    """Tell what libraries raise about a file; a lack of memory is told by who loads the model."""
    if isinstance(error, SjcError) or is_out_of_memory(error):
        return error
    return _mismatch(file, first_line(error))


def _unsupported(pipeline: Any, file: Path, kind: str) -> SjcError:
    return SjcError(
        "unsupported_adapter",
        f"{file} is a {kind}, and models of the class {type(pipeline).__name__} take none.".replace("a emb", "an emb"),
        "Leave it out, or choose the model that it was made for.",
    )


def _mismatch(file: Path, reason: str) -> SjcError:
    return SjcError(
        "adapter_mismatch",
        f"{file} does not fit the model: {reason}.",
        "A LoRA or an embedding works with the family that it was trained on, such as Stable Diffusion 1.5 or XL.",
    )
