# SPDX-License-Identifier: GPL-3.0-or-later
"""The local Hugging Face cache: listing and deleting its models."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from ...protocol.errors import SjcError
from ...protocol.hub_cache import HUB_ID, INDEX, cached_snapshot, hub_cache
from ...protocol.known_models import PREVIEW_DECODER, known_model
from ...protocol.model_events import ModelOnDisk, Models
from ...protocol.model_families import family_of
from ...protocol.outside_file import is_folder
from .wanted_files import DECODER_FILES, PARTS, missing_files

PREFIX = "models--"
PARTIAL = ".incomplete"
"""Ending of a blob whose download has not ended, as huggingface_hub names it."""


def models_on_disk() -> Models:
    """List the cache's models that a family can use, whole or in part."""
    cache = hub_cache()
    folders = sorted(cache.glob(f"{PREFIX}*--*")) if is_folder(cache) else []
    found = tuple(model for folder in folders if (model := _examine(folder)) is not None)
    return Models(str(cache), free_bytes(cache), found)


def repository_folder(hub_id: str) -> Path:
    """Return the folder of a Hugging Face id in the cache, which need not exist; SjcError ``bad_hub_id``."""
    if not HUB_ID.fullmatch(hub_id) or ".." in hub_id or "--" in hub_id:
        raise SjcError(
            "bad_hub_id",
            f"{hub_id!r} is no Hugging Face id.",
            "An id is owner/name, such as stable-diffusion-v1-5/stable-diffusion-v1-5.",
        )
    return hub_cache() / (PREFIX + hub_id.replace("/", "--"))


def delete_model(hub_id: str) -> None:
    """Delete a model, and what is left of its downloads, from the cache.

    Raises
    ------
    SjcError
        ``bad_hub_id``; ``model_not_on_disk``; ``model_not_deleted`` with the system's reason.
    """
    folder = repository_folder(hub_id)
    if not is_folder(folder):
        raise SjcError(
            "model_not_on_disk",
            f"The model {hub_id} is not in the cache {hub_cache()}: there is nothing to delete.",
        )
    try:
        # The snapshots first, so that a model that was deleted in part is not taken for a complete one.
        shutil.rmtree(folder / "refs", ignore_errors=True)
        shutil.rmtree(folder)
    except OSError as error:
        raise SjcError(
            "model_not_deleted",
            f"The model {hub_id} could not be deleted from {folder}: {error.strerror or error}.",
            "End what uses it (a running job, another program), then delete it again.",
        ) from error
    shutil.rmtree(hub_cache() / ".locks" / folder.name, ignore_errors=True)


def free_bytes(path: Path) -> int:
    """Free space where `path` is or will be; 0 if the system does not tell."""
    there = next((folder for folder in (path, *path.parents) if is_folder(folder)), None)
    try:
        return shutil.disk_usage(there).free if there is not None else 0
    except OSError:
        return 0


def _examine(folder: Path) -> ModelOnDisk | None:
    hub_id = folder.name.removeprefix(PREFIX).replace("--", "/", 1)
    if not HUB_ID.fullmatch(hub_id):
        return None
    known = known_model(hub_id)
    decodes = known is not None and known.family == PREVIEW_DECODER
    snapshot = cached_snapshot(hub_id, DECODER_FILES[0] if decodes else INDEX)
    family = family_of(snapshot) if snapshot is not None and not decodes else None
    name = family.name if family is not None else known.family if known is not None else ""
    if not decodes and name not in PARTS:
        return None  # a language model, or a pipeline of another kind
    whole = snapshot is not None and (decodes or family is not None) and not missing_files(snapshot, name)
    return ModelOnDisk(hub_id, name, "whole" if whole else "part", _size(folder), str(snapshot or folder))


def _size(folder: Path) -> int:
    """Bytes of all files in a folder; links, of which the cache is full, take none."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            with contextlib.suppress(OSError):
                total += 0 if path.is_symlink() else path.stat().st_size
    return total
