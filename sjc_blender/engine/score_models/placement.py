# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a model runs and in what precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, Protocol, runtime_checkable

import torch

from ...protocol.errors import SjcError
from ...protocol.memory import MemoryLevel, memory_levels
from ...protocol.spec import ModelSpec


@runtime_checkable
class Placeable(Protocol):
    """A score model whose networks can do with less memory."""

    @property
    def level(self) -> MemoryLevel:
        """How it runs now."""

    def place(self, level: MemoryLevel) -> None:
        """Run at another level from now on."""


def first_level(model: ModelSpec) -> MemoryLevel:
    """The quickest level at which a job's model may run: offloaded as the job asks, if it does."""
    return next(level for level in memory_levels() if level.offload == model.offload)


def levels_after(level: MemoryLevel, device: torch.device) -> Iterator[MemoryLevel]:
    """The thriftier levels that make a difference: without graphics memory there is nothing to offload from."""
    for other in memory_levels()[memory_levels().index(level) + 1 :]:
        same = (level.samples_at_once, level.tile) == (other.samples_at_once, other.tile)
        if device.type == "cuda" or not same:
            level = other
            yield other


def choose_device(wanted: str) -> torch.device:
    """Take the device a job asks for; SjcError ``device_unavailable`` with those that there are."""
    available: dict[str, Callable[[], bool]] = {
        "cpu": lambda: True,
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
    }
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not available[wanted]():
        others = ", ".join(name for name, there in available.items() if there())
        raise SjcError(
            "device_unavailable",
            f"The job asks for the device {wanted!r}, which PyTorch {torch.__version__} does not find here; "
            f"available: {others}.",
            "Choose one of these or auto; or repair the graphics driver or install the PyTorch that fits it.",
        )
    return torch.device(wanted)


def choose_dtype(wanted: str, device: torch.device, half_precision: bool, *, wide: bool = False) -> torch.dtype:
    """Take the precision a job asks for, or by itself half precision on a CUDA GPU if the model bears it.

    That is bfloat16 for networks whose numbers leave the range of float16 (`wide`).
    """
    if wanted == "auto":
        half = torch.bfloat16 if wide else torch.float16
        return half if device.type == "cuda" and half_precision else torch.float32
    return {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}[wanted]


def place(pipeline: Any, device: torch.device, offload: Literal["none", "model", "sequential"]) -> None:
    """Move a pipeline's networks to where they run, or keep them in main memory until they do.

    On the CPU there is nothing to offload: main memory is where they are.
    """
    if offload == "none" or device.type == "cpu":
        pipeline.to(device)
    elif offload == "model":
        pipeline.enable_model_cpu_offload(device=device)
    else:
        pipeline.enable_sequential_cpu_offload(device=device)
