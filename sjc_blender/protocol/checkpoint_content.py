"""What a checkpoint says of its content, for who has no torch to read it with."""

from __future__ import annotations

import json
from pathlib import Path

from .errors import SjcError
from .model_families import safetensors_header


def checkpoint_content(path: Path) -> str:
    """Digest that a checkpoint has of its tensors, from its header alone.

    Raises
    ------
    SjcError
        ``checkpoint_corrupt`` if it has none.
    """
    try:
        return str(json.loads(safetensors_header(path)["__metadata__"]["checkpoint"])["content"])
    except (KeyError, TypeError, ValueError) as error:
        raise SjcError(
            "checkpoint_corrupt", f"The checkpoint {path} is damaged, or is none.", "Run its job again."
        ) from error
