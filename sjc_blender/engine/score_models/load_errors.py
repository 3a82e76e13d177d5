# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever the libraries raise while a model loads, told in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from ...protocol.errors import SjcError, first_line


@contextmanager
def library_explained(path: Path) -> Iterator[None]:
    """Tell whatever diffusers, transformers and safetensors raise about a model as SjcError ``broken_model``."""
    try:
        yield
    except Exception as error:
        if isinstance(error, SjcError) or is_out_of_memory(error):
            raise
        raise SjcError(
            "broken_model",
            f"The model {path} cannot be loaded ({type(error).__name__}: {first_line(error)}).",
            "Download it again; if that does not help, log.txt has the details.",
        ) from error


@contextmanager
def memory_explained(source: str, device: torch.device) -> Iterator[None]:
    """Tell a lack of memory as SjcError ``out_of_memory``."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise SjcError(
            "out_of_memory",
            f"The model {source!r} does not fit into the memory of {device.type!r}.",
            "Close other programs, choose a smaller model, or set the model's dtype to float16.",
        ) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception tells that memory ran out: Python's, CUDA's, or that of torch's CPU allocator."""
    text = str(error)
    return (
        isinstance(error, (MemoryError, torch.OutOfMemoryError))
        or "can't allocate memory" in text
        or "not enough memory" in text
    )
