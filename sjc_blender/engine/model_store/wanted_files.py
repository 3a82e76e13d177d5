# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of a model's repository its family needs: weights as safetensors, half precision where there is one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ...protocol.errors import SjcError
from ...protocol.hub_cache import INDEX
from ...protocol.known_models import PREVIEW_DECODER
from ...protocol.model_families import json_object
from ...protocol.text_to_image import OTHER
from ..score_models.camera_projection import PLACES
from ..score_models.control import CONFIGURATION
from ..score_models.loading import ADAPTERS
from ..score_models.pipeline_folder import HALF_VARIANT

WEIGHTS = ".safetensors"
TEXT = (".json", ".txt", ".jinja")
"""Settings, word lists and templates of chats."""

VOCABULARIES = ("spiece.model", "tokenizer.model")
"""Vocabularies of tokenizers, tables of word pieces; no weights and no pickles."""


@dataclass(frozen=True)
class Parts:
    """Folders of a pipeline that its family needs: those with weights, and those with settings only."""

    networks: tuple[str, ...]
    settings: tuple[str, ...]
    either: tuple[str, ...]
    """Names of a further folder with weights, of which a model uses one."""


CONTROL = "control"
"""In place of a family: a ControlNet, which has a network's files at the top and no index."""

DECODER_FILES = ("config.json", "diffusion_pytorch_model.safetensors")

# The safety checker and the like are left out.
PARTS = {
    name: Parts(
        tuple(network for network in adapter.networks if network not in adapter.optional),
        tuple(part for part in adapter.parts if part not in adapter.optional),
        either=tuple(place for place in PLACES if place in adapter.networks),
    )
    for name, adapter in ADAPTERS.items()
    if name != OTHER.name
}


def wanted_files(names: Collection[str], family: str, source: str) -> list[str]:
    """Choose what to download.

    Parameters
    ----------
    names : collection of str
        Every file of the repository, as paths with ``/``.
    family : str
        Name of a family that has `PARTS`, `PREVIEW_DECODER` or `CONTROL`.
    source : str
        Id of the repository, for messages.

    Raises
    ------
    SjcError
        ``no_safetensors`` if a network has its weights as pickles only, or none; ``missing_component`` if a
        folder is not there.
    """
    if family == PREVIEW_DECODER and set(DECODER_FILES) <= set(names):
        return list(DECODER_FILES)
    if family == CONTROL:
        return [CONFIGURATION, *_weights([name for name in sorted(names) if "/" not in name], ".", source)]
    if INDEX not in names:
        raise SjcError(
            "not_a_pipeline",
            f"{source} is not a diffusers pipeline: it has no {INDEX}.",
            "Choose a model in diffusers format.",
        )
    folders = _folders(names, family)
    wanted = [INDEX]
    for folder, has_weights in folders.items():
        inside = sorted(name for name in names if str(PurePosixPath(name).parent) == folder and name != INDEX)
        if not inside:
            raise SjcError(
                "missing_component",
                f"{source} lacks the folder {folder!r}, which models of its family need.",
                "Choose another model.",
            )
        wanted += [name for name in inside if name.endswith(TEXT) or PurePosixPath(name).name in VOCABULARIES]
        if has_weights:
            wanted += _weights(inside, folder, source)
    return wanted


def missing_files(snapshot: Path, family: str) -> list[str]:
    """Return what a model on disk lacks, according to its own files; empty if it is complete."""
    names = [path.relative_to(snapshot).as_posix() for path in snapshot.rglob("*") if path.is_file()]
    try:
        wanted = wanted_files(names, family, str(snapshot))
    except SjcError as error:
        return [error.message]
    missing = []
    for index in (name for name in wanted if ".index" in name and name.endswith(".json")):
        shards = set(_weight_map(snapshot / index).values())
        folder = PurePosixPath(index).parent
        # The index of the variant that was not downloaded names files that nobody needs.
        if any(str(folder / shard) in names for shard in shards):
            missing += [str(folder / shard) for shard in shards if str(folder / shard) not in names]
    return missing


def _folders(names: Collection[str], family: str) -> dict[str, bool]:
    """Return the folders, and whether they contain weights; old pipelines of one network have all at the top."""
    parts = PARTS[family]
    if len(parts.networks) == 1 and not any(name.startswith(parts.networks[0] + "/") for name in names):
        return {".": True}
    there = [folder for folder in parts.either if any(name.startswith(folder + "/") for name in names)]
    networks = (*parts.networks, *(there or parts.either)[:1])
    return dict.fromkeys(networks, True) | dict.fromkeys(parts.settings, False)


def _weights(inside: Sequence[str], folder: str, source: str) -> list[str]:
    """Weights of one network. A variant is an infix: ``model.fp16.safetensors``; shards: ``model-00001-of-2``."""
    files = [name for name in inside if name.endswith(WEIGHTS)]
    half = [name for name in files if f".{HALF_VARIANT}" in PurePosixPath(name).name]
    plain = [name for name in files if PurePosixPath(name).name.count(".") == 1]
    if half or plain:
        return half or plain
    raise SjcError(
        "no_safetensors",
        f"{source} has no weights as safetensors in {'its top folder' if folder == '.' else repr(folder)}. Others are "
        "pickles, which can run any code when they are opened; they are not downloaded.",
        "Choose another copy of the model that has safetensors.",
    )


def _weight_map(index: Path) -> dict[str, str]:
    mapped = json_object(index).get("weight_map")
    return mapped if isinstance(mapped, dict) else {}
