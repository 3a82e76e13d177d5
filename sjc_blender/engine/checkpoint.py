# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints: written atomically, and complete, so that a resumed job gives the same bits as an uninterrupted one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ..protocol import codec
from ..protocol.atomic_write import atomic_path, file_error
from ..protocol.errors import SjcError
from ..protocol.json_text import from_text
from ..protocol.removed_settings import as_before
from ..protocol.spec import JobSpec
from ..protocol.validation import MAX_RESOLUTION

FORMAT = "3"

LARGEST_VOXEL = 4 * 64
"""Bytes of a voxel: its density and up to 16 features in float32, and of each the optimiser's two moments."""

LARGEST_REST = 1 << 26
"""Bytes of the background, the generators' states and the header."""


def save(path: Path, spec: JobSpec, step: int, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write `tensors` and `step` to `path`, whole or not at all.

    Raises
    ------
    SjcError
        ``disk_full`` or ``folder_not_writable``; an earlier checkpoint stays as it was.
    """
    held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    about = {"format": FORMAT, "step": step, "settings": settings_digest(spec), "content": _digest(held)}
    # One entry: the library writes several in an order that changes from run to run.
    metadata = {"checkpoint": json.dumps(about, sort_keys=True)}
    with atomic_path(path) as temporary:
        try:
            save_file(held, temporary, metadata)
        except SafetensorError as error:
            # The library wraps the system's error in its own, which has its text but not its number.
            reason = OSError(28, str(error)) if "space" in str(error).lower() else OSError(5, str(error))
            raise file_error(reason, path) from error


def load(path: Path, spec: JobSpec) -> tuple[int, dict[str, torch.Tensor]]:
    """Read a checkpoint of the job `spec`.

    Returns
    -------
    step : int
        Steps done.
    tensors : dict

    Raises
    ------
    SjcError
        ``checkpoint_corrupt``, ``checkpoint_old`` (another format) or ``checkpoint_of_other_job``.
    """
    advice = "Restart the job from its first step, or put back an intact checkpoint."
    about, tensors = _read(path, spec.field.resolution, advice)
    if about.get("settings") != settings_digest(spec):
        raise SjcError("checkpoint_of_other_job", f"The checkpoint {path} belongs to a job of other settings.", advice)
    return about["step"], tensors


def load_origin(path: Path, content: str) -> dict[str, torch.Tensor]:
    """Read the field of another job's checkpoint: its state dict.

    Parameters
    ----------
    content : str
        Digest that the checkpoint has of its content.

    Raises
    ------
    SjcError
        ``checkpoint_corrupt``, ``checkpoint_old`` or ``origin_changed``.
    """
    advice = "Edit that job again; it makes a new job with its checkpoint."
    about, tensors = _read(path, MAX_RESOLUTION, advice)
    if about["content"] != content:
        raise SjcError("origin_changed", f"{path} is not the checkpoint that the job was made with.", advice)
    prefix = "field."
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _read(path: Path, resolution: int, advice: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    try:
        size, most = path.stat().st_size, LARGEST_REST + LARGEST_VOXEL * resolution**3
        if size > most:
            raise ValueError(f"it has {size:,} bytes; that of a grid of {resolution} voxels has up to {most:,}")
        with safe_open(path, framework="pt") as file:
            about = from_text((file.metadata() or {}).get("checkpoint", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError) as error:
        raise SjcError("checkpoint_corrupt", f"The checkpoint {path} is damaged: {error}.", advice) from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise SjcError("checkpoint_old", f"The checkpoint {path} was written by another release.", advice)
    if about.get("content") != _digest(tensors):
        raise SjcError("checkpoint_corrupt", f"The checkpoint {path} is damaged: its checksum does not match.", advice)
    if type(about.get("step")) is not int or not 0 <= about["step"] <= codec.LARGEST_WHOLE:
        raise SjcError("checkpoint_corrupt", f"The checkpoint {path} is damaged: it does not say its step.", advice)
    return about, tensors


def settings_digest(spec: JobSpec) -> str:
    """Return the digest of what the optimisation depends on: not the outputs, the memory or the domain's floor."""
    settings = as_before(codec.encode(spec))
    del settings["outputs"]
    del settings["domain"]["floor"]
    del settings["model"]["memory"]
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _digest(tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
