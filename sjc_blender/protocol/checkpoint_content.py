# SPDX-License-Identifier: GPL-3.0-or-later
"""The digest that a checkpoint's header states, read without torch."""

from __future__ import annotations

from pathlib import Path

from .errors import SjcError
from .json_text import object_in
from .model_families import LARGEST_HEADER, safetensors_header


def checkpoint_content(path: Path) -> str:
    """Return the digest of a checkpoint's tensors, which is in its header.

    Raises
    ------
    SjcError
        ``checkpoint_corrupt`` if it has none.
    """
    metadata = safetensors_header(path).get("__metadata__")
    about = metadata.get("checkpoint") if isinstance(metadata, dict) else None
    content = object_in(about, LARGEST_HEADER).get("content") if isinstance(about, str) else None
    if not isinstance(content, str):
        raise SjcError(
            "checkpoint_corrupt", f"The checkpoint {path} is damaged, or is not a checkpoint.", "Run its job again."
        )
    return content
