"""The local Hugging Face cache, found without its library: Blender's Python, too, has to know what kind a model is."""

from __future__ import annotations

import os
import re
from pathlib import Path

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
INDEX = "model_index.json"
VARIABLE = "SJC_MODELS"
"""Environment variable that names another cache, for SJC alone; the add-on's preference sets it."""


def hub_cache() -> Path:
    """Folder of the cache: by ``SJC_MODELS``, else by the environment variables of huggingface_hub.

    See https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables.
    """
    home = os.environ.get("HF_HOME") or (os.environ.get("XDG_CACHE_HOME") or "~/.cache") + "/huggingface"
    return Path(
        os.path.expandvars(os.environ.get(VARIABLE) or os.environ.get("HF_HUB_CACHE") or home + "/hub")
    ).expanduser()


def cached_snapshot(hub_id: str, file: str = INDEX) -> Path | None:
    """Newest snapshot of a Hugging Face id that holds `file`, or None."""
    if not HUB_ID.fullmatch(hub_id):
        return None
    repository = hub_cache() / ("models--" + hub_id.replace("/", "--"))
    try:
        commit = (repository / "refs" / "main").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    snapshot = repository / "snapshots" / commit
    return snapshot if (snapshot / file).is_file() else None
