# SPDX-License-Identifier: GPL-3.0-or-later
"""Models distilled to make a picture in a few steps: how each kind is recognised, and what it needs.

Such a model was trained at the noise levels of its few steps only. Guidance is distilled into it: more of it
oversaturates the results.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from .hub_cache import INDEX
from .model_families import component_config, json_object
from .outside_file import is_folder

GUIDANCE_SCALE = 1.0
"""Guidance scale of a distilled model, in the engine's convention: no guidance."""

MOST_GUIDANCE = 2.0
"""Above this scale results are oversaturated, according to the authors of these models."""


@dataclass(frozen=True)
class Distillation:
    """One kind of distilled model.

    Attributes
    ----------
    name : str
        As a profile names it.
    title : str
        For people.
    words : tuple of str
        Words by which the name of a model or a LoRA shows the kind.
    steps : int
        Noise levels that it knows: the last of that many equal parts of the table each.
    guessed_by : str
        Of a model that was recognised: by what, for people, where that may be wrong.
    """

    name: str
    title: str
    words: tuple[str, ...]
    steps: int
    guessed_by: str = ""

    def timesteps(self, count: int, *, shift: float = 1.0) -> tuple[int, ...]:
        """Indices into a table of `count` noise levels, rising.

        Parameters
        ----------
        shift : float
            Of a rectified flow: that of its scheduler, which its few steps were shifted by.
        """
        shares = [(step + 1) / self.steps for step in range(self.steps)]
        return tuple(round(count * shift * share / (1 + (shift - 1) * share)) - 1 for share in shares)


DISTILLATIONS = (
    Distillation("turbo", "Turbo", ("turbo", "schnell"), 4),
    Distillation("lightning", "Lightning", ("lightning",), 8),
    Distillation("hyper", "Hyper-SD", ("hyper sd", "hyper sdxl", "hyper flux"), 8),
    Distillation("lcm", "LCM", ("lcm",), 50),
    Distillation("tcd", "TCD", ("tcd",), 50),
)
SCHEDULERS = {"LCMScheduler": "lcm", "TCDScheduler": "tcd", "FlowMatchLCMScheduler": "lcm"}
_BY_NAME = {distillation.name: distillation for distillation in DISTILLATIONS}


def distillation_of(told: str, source: str, model: Path | None, adapters: Iterable[str] = ()) -> Distillation | None:
    """Recognise a distilled model: by its profile, its network, its scheduler, its name, or that of a LoRA.

    Parameters
    ----------
    told : str
        What its profile says: the name of a kind, ``"no"``, or ``"auto"`` for nothing.
    source : str
        See `spec.ModelSpec.source`.
    model : Path or None
        Its folder or file, where there is one.
    adapters : iterable of str
        Paths of the files that go on top.
    """
    if told != "auto":
        return _BY_NAME.get(told)
    if model is not None and is_folder(model):
        if component_config(model, "unet").get("time_cond_proj_dim") is not None:
            return _BY_NAME["lcm"]
        index = json_object(model / INDEX)
        scheduler = component_config(model, "scheduler", "scheduler_config.json").get("_class_name")
        if str(scheduler) in SCHEDULERS:
            return replace(_BY_NAME[SCHEDULERS[str(scheduler)]], guessed_by=f"its scheduler, {scheduler}")
        names = [source, str(index.get("_name_or_path") or "")]
    else:
        names = [source]
    for name in (*adapters, *names):
        last = PurePath(name.replace(chr(92), "/")).name
        words = f" {_words(last)} "
        found = next((d for d in DISTILLATIONS if any(f" {word} " in words for word in d.words)), None)
        if found is not None:
            return replace(found, guessed_by=f"the name {last[:100]!r}")
    return None


def _words(name: str) -> str:
    """Return the words of a name in lower case: "dreamshaper xl lightning" for ``dreamshaperXL_lightning``."""
    return " ".join(re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)).lower()
