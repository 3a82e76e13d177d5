# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model's profile holds: the form of ``sjc.json``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from .errors import SjcError
from .model_families import FAMILY
from .spec import Range
from .views import PAPER_VIEWS, ViewVocabulary


@dataclass(frozen=True)
class Vocabulary:
    """The vocabulary of a small model; a prompt outside it is refused, as the result would be noise.

    Attributes
    ----------
    template : str
        How a prompt is written, such as ``"a {colour} {object}"``.
    colours, objects : tuple of str
    words : tuple of str
        Every word of the training captions.
    """

    template: str
    colours: tuple[str, ...]
    objects: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def told(self) -> str:
        """A sentence that lists the vocabulary."""
        return f"It knows the objects {', '.join(self.objects)} in the colours {', '.join(self.colours)}."

    def examples(self) -> list[str]:
        """Return every prompt of the template, object by object."""
        return [
            self.template.replace("{colour}", colour).replace("{object}", thing)
            for thing in self.objects
            for colour in self.colours
        ]

    def completed(self, prompt: str) -> str:
        """The prompt with the template's article before it if it begins with a colour or an object.

        A small model depends on the position of words: for "blue mug" instead of "a blue mug" it makes pink ones.
        """
        first = re.match(r"\s*([^\W_]+)", prompt.lower())
        lacks_article = first is not None and first[1] in (*self.colours, *self.objects)
        return self.template.split("{", 1)[0] + prompt.lstrip() if lacks_article else prompt

    def refusal(self, prompt: str) -> SjcError | None:
        """Return the error for a prompt outside the vocabulary, or None."""
        words = re.findall(r"[^\W_]+", prompt.lower())
        unknown = [word for word in words if word not in self.words]
        if not unknown and any(word in self.objects for word in words):
            return None
        trouble = (
            "does not know the word" + ("s " if len(unknown) > 1 else " ") + ", ".join(map(repr, unknown))
            if unknown
            else f"finds no object in {prompt!r}"
        )
        example = next(iter(self.examples()), self.template)
        return SjcError(
            "prompt_outside_vocabulary",
            f"The built-in prior {trouble}. {self.told}",
            f'Write a prompt such as "{example}", or choose another model.',
        )


@dataclass(frozen=True)
class Orbit:
    """The default orbit of a model's viewpoints; fields as in `spec.OrbitRig`."""

    distance: Range = (1.5, 1.5)
    elevation: Range = (-6.4, 83.5)
    field_of_view: Range = (40.0, 70.0)


@dataclass(frozen=True)
class ModelProfile:
    """What has to be known about a model besides its weights.

    Attributes
    ----------
    family : str
        Name in `sjc_blender.protocol.model_families.FAMILIES`.
    image_size : int
        Side of its decoded images in pixels.
    timesteps : tuple of float
        First and last noise level drawn, as shares of the model's sigma table.
    background : tuple of float
        Feature-space colour at which the background starts; empty for zeros.
    latent_rgb, latent_rgb_bias : tuple
        Linear map from scaled latents to RGB in [0, 1], a quick look only.
    settings : dict
        Overrides of the field and optimisation settings in every preset.
    presets : dict
        The same by preset name.
    distilled : str
        Whether the model makes pictures in a few steps: a kind of `distillation.DISTILLATIONS`, ``"no"``, or
        ``"auto"`` to tell by its files and its name.
    """

    name: str
    family: str
    image_size: int
    views: ViewVocabulary = PAPER_VIEWS
    version: int = 1
    timesteps: Range = (0.01, 0.97)
    orbit: Orbit = field(default_factory=Orbit)
    vocabulary: Vocabulary | None = None
    background: tuple[float, ...] = ()
    latent_rgb: tuple[tuple[float, float, float], ...] = ()
    latent_rgb_bias: tuple[float, float, float] = (0.5, 0.5, 0.5)
    settings: dict[str, Any] = field(default_factory=dict)
    presets: dict[str, dict[str, Any]] = field(default_factory=dict)
    distilled: Literal["auto", "no", "turbo", "lightning", "hyper", "lcm", "tcd"] = "auto"

    @property
    def conditioning(self) -> Literal["text", "class", "none", "picture"]:
        """Meaning of a prompt, see `sjc_blender.protocol.model_families.ModelFamily`."""
        return FAMILY[self.family].conditioning
