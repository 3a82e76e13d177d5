# SPDX-License-Identifier: GPL-3.0-or-later
"""The local Hugging Face cache, located without its library: Blender's Python has to recognise models too."""

from __future__ import annotations

import os
import re
from pathlib import Path

from .home import expanded
from .outside_file import UnusableFile, is_file, read_outside

COMMIT = re.compile(r"[0-9a-f]{40}")
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
INDEX = "model_index.json"
LONGEST_REF = 100
VARIABLE = "SJC_MODELS"
"""Environment variable for a cache of SJC's own; set from the add-on's preferences."""


def hub_cache() -> Path:
    """Return the folder of the cache: ``SJC_MODELS``, else that of huggingface_hub.

    See https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables. A variable that is set to
    nothing counts as not set.
    """
    home = _named("HF_HOME") or (_named("XDG_CACHE_HOME") or expanded("~/.cache")) / "huggingface"
    caches = (_named(name) for name in (VARIABLE, "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"))
    return next(filter(None, caches), home / "hub")


def _named(variable: str) -> Path | None:
    """Folder that a variable names, itself perhaps by ``~`` and other variables."""
    named = os.environ.get(variable)
    return Path(os.path.expandvars(expanded(named))) if named else None


def cached_snapshot(hub_id: str, file: str = INDEX) -> Path | None:
    """Newest snapshot of a Hugging Face id that holds `file`, or None."""
    if not HUB_ID.fullmatch(hub_id):
        return None
    repository = hub_cache() / ("models--" + hub_id.replace("/", "--"))
    try:
        commit = read_outside(repository / "refs" / "main", LONGEST_REF).decode("ascii").strip()
    except (UnusableFile, UnicodeDecodeError):
        return None
    if not COMMIT.fullmatch(commit):
        return None
    snapshot = repository / "snapshots" / commit
    return snapshot if is_file(snapshot / file) else None
