# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of models: the known ones, and others in the cache. Knows no bpy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ...protocol.known_models import PREVIEW_DECODER, KnownModel, known_models
from ...protocol.model_events import Models
from ...protocol.model_families import FAMILY

BUILTIN_KIND = "Small latent diffusion"
"""Title of the built-in prior's family: its files have Stable Diffusion's format, but it is a model of its own."""


class Place(StrEnum):
    """Location of a model."""

    BUILTIN = "built-in"
    DISK = "on disk"
    PART = "in part"
    HUB = "to download"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ModelStatus:
    """One model.

    Attributes
    ----------
    id : str
        What `api.generate` takes as its model.
    title, family : str
        For people.
    place : Place
        ``UNKNOWN`` as long as nobody has looked.
    size : int
        Bytes on disk.
    path : str
        Folder on disk; empty if there is none.
    known : KnownModel or None
        Its facts; None for a model that is merely in the cache.
    """

    id: str
    title: str
    family: str
    place: Place
    size: int = 0
    path: str = ""
    known: KnownModel | None = None


def statuses(found: Models | None) -> list[ModelStatus]:
    """Return all models: the built-in one, the known ones, then others in the cache.

    Parameters
    ----------
    found : Models or None
        What the engine has found; None if it was not asked yet.
    """
    known = known_models()
    listed = [_known(model, found) for model in known]
    ids = {model.id for model in known}
    others = [model for model in found.models if model.id not in ids] if found is not None else []
    return listed + [
        ModelStatus(model.id, model.id, _title(model.family), _place(model.state), model.size, model.path)
        for model in others
    ]


def _known(model: KnownModel, found: Models | None) -> ModelStatus:
    if model.id == "builtin":
        return ModelStatus(model.id, model.title, BUILTIN_KIND, Place.BUILTIN, known=model)
    there = found.find(model.id) if found is not None else None
    if there is not None:
        place = _place(there.state)
        return ModelStatus(model.id, model.title, _title(model.family), place, there.size, there.path, model)
    place = Place.UNKNOWN if found is None else Place.HUB
    return ModelStatus(model.id, model.title, _title(model.family), place, known=model)


def _place(state: str) -> Place:
    return Place.DISK if state == "whole" else Place.PART


def _title(family: str) -> str:
    return "Decoders for quick previews" if family == PREVIEW_DECODER else FAMILY[family].title
