# SPDX-License-Identifier: GPL-3.0-or-later
"""Initialisation of Warp: its cache is in the engine's environment, and a missing GPU gives no warning."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from functools import cache

import torch
import warp

from .kernel_cache import kernel_cache

NO_DRIVER = b"Could not find or load the NVIDIA CUDA driver"


@cache
def start_warp() -> None:
    """Initialise Warp, once per process."""
    warp.config.kernel_cache_dir = str(kernel_cache())
    warp.config.log_level = warp.LOG_ERROR
    with contextlib.nullcontext() if torch.cuda.is_available() else _without_the_warning():
        warp.init()


@contextlib.contextmanager
def _without_the_warning() -> Iterator[None]:
    """Suppress what Warp prints to standard error on machines without an NVIDIA GPU."""
    try:
        kept = os.dup(2)
    except OSError:  # there is none
        yield
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as told:
        os.dup2(told.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            told.seek(0)
            for line in told:
                if NO_DRIVER not in line:
                    os.write(2, line)
