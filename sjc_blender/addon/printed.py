# SPDX-License-Identifier: GPL-3.0-or-later
"""Printing that survives a reader which closes the pipe (``| head -1``)."""

from __future__ import annotations

import os
from typing import TextIO


def put(text: str, stream: TextIO, end: str = "\n") -> None:
    """Print a text at once. Once the reader has closed the pipe, output is discarded and work continues."""
    try:
        print(text, file=stream, end=end, flush=True)
    except BrokenPipeError:
        # What is still in the buffers would be written, and fail, when the interpreter ends.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
