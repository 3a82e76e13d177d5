# SPDX-License-Identifier: GPL-3.0-or-later
"""The result and the checkpoint of a finished job, read from its folder."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from ...protocol.array_file import BadArrays
from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder
from ...protocol.spec import Device, scheduled
from ...protocol.validation import MAX_RESOLUTION
from ...surface.arrays import read_npz
from .. import checkpoint
from ..optimisation.sjc import restored_field
from ..radiance.radiance_grid import RadianceGrid
from ..score_models.loading import load_score_model
from .result_pictures import ModelPictures


def read_grid(folder: JobFolder) -> RadianceGrid:
    """Read the result of a finished job, with a black background.

    Raises
    ------
    SjcError
        ``no_result`` if the job has no ``field.npz``, ``broken_result`` if it cannot be read.
    """
    path = folder.field
    if not folder.has(path):
        raise SjcError(
            "no_result",
            f"{folder.path} holds no finished field: {folder.relative(path)} is missing.",
            "Let the job run to its end, with outputs.volume=true.",
        )
    names = ("density", "rgb", "half_extents")
    try:
        with folder.open(path) as file:
            arrays = read_npz(file, names, 3 * 4 * MAX_RESOLUTION**3)
        density, rgb, half_extents = (torch.from_numpy(arrays[name].astype(np.float32)) for name in names)
        if density.ndim != 3 or rgb.shape != (*density.shape, 3) or half_extents.shape != (3,):
            raise BadArrays("its arrays do not belong together")
    except KeyError as error:
        raise SjcError("broken_result", f"{path} has no array {error}.", "Resume the job.") from error
    except (OSError, BadArrays) as error:
        raise SjcError("broken_result", f"{path} cannot be read: {error}.", "Resume the job.") from error
    return RadianceGrid(density, rgb, half_extents, torch.zeros(3))


def model_pictures(folder: JobFolder, device: Device) -> ModelPictures:
    """The job's own model, and the field of its checkpoint.

    Raises
    ------
    SjcError
        ``no_checkpoint``, or what `checkpoint.load` and `load_score_model` raise.
    """
    if not folder.has(folder.checkpoint):
        raise SjcError(
            "no_checkpoint",
            f"{folder.path} holds no checkpoint, and so no field that the model could decode.",
            "Run the job first, or take the colours of its result (--decoder grid).",
        )
    spec = scheduled(folder.read_spec())
    step, tensors = checkpoint.load(folder.checkpoint, spec)
    model = load_score_model(dataclasses.replace(spec.model, device=device, control="", ip_adapter=""))
    return ModelPictures(restored_field(spec, model, step, tensors), model)
