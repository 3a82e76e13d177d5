"""How to use a model: its view words, orbit, vocabulary and settings, as data beside its weights.

The built-in prior and a user's own folder carry an ``sjc.json``; every other model of the
Stable Diffusion format is used by ``sjc_blender/models/stable_diffusion.json``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from . import codec
from .errors import SjcError
from .spec import Range
from .views import ViewVocabulary

MODELS = Path(__file__).resolve().parent.parent / "models"
BUILTIN = MODELS / "builtin"


@dataclass(frozen=True)
class Vocabulary:
    """What a small model knows; a prompt outside it is refused rather than answered with noise.

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

    def refusal(self, prompt: str) -> SjcError | None:
        """The error for a prompt outside the vocabulary, or None if the prompt is inside."""
        words = re.findall(r"[^\W_]+", prompt.lower())
        unknown = [word for word in words if word not in self.words]
        if not unknown and any(word in self.objects for word in words):
            return None
        known = f"It knows the objects {', '.join(self.objects)} in the colours {', '.join(self.colours)}."
        trouble = (
            "does not know the word" + ("s " if len(unknown) > 1 else " ") + ", ".join(map(repr, unknown))
            if unknown
            else f"finds no object in {prompt!r}"
        )
        example = self.template.format(colour=self.colours[0], object=self.objects[0])
        return SjcError(
            "prompt_outside_vocabulary",
            f"The built-in prior {trouble}. {known}",
            f'Write a prompt such as "{example}", or choose another model.',
        )


@dataclass(frozen=True)
class Orbit:
    """The orbit a model's viewpoints come from by default; fields as in `spec.OrbitRig`."""

    distance: Range = (1.5, 1.5)
    elevation: Range = (-6.4, 83.5)
    field_of_view: Range = (40.0, 70.0)


@dataclass(frozen=True)
class ModelProfile:
    """Everything the rest of the system needs to know of a model besides its weights.

    Attributes
    ----------
    family : str
        Which score-model adapter of the engine runs it.
    image_size : int
        Side of its decoded images in pixels.
    background : tuple of float
        Feature-space colour at which the background starts; empty for zeros.
    latent_rgb, latent_rgb_bias : tuple
        Linear map from scaled latents to RGB in [0, 1], a quick look only.
    presets : dict
        Overrides of the field and optimisation settings, by preset name.
    """

    name: str
    family: Literal["stable_diffusion"]
    image_size: int
    views: ViewVocabulary
    version: int = 1
    orbit: Orbit = field(default_factory=Orbit)
    vocabulary: Vocabulary | None = None
    background: tuple[float, ...] = ()
    latent_rgb: tuple[tuple[float, float, float], ...] = ()
    latent_rgb_bias: tuple[float, float, float] = (0.5, 0.5, 0.5)
    presets: dict[str, dict[str, Any]] = field(default_factory=dict)


def load_profile(source: str) -> ModelProfile:
    """Find and read the profile of a model source (see `spec.ModelSpec.source`).

    Raises
    ------
    SjcError
        ``bad_model_profile`` if the file beside the model is not a valid profile.
    """
    folder = BUILTIN if source == "builtin" else Path(source)
    path = folder / "sjc.json"
    if not path.is_file():
        path = MODELS / "stable_diffusion.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SjcError("bad_model_profile", f"The model profile {path} cannot be read: {error}.") from error
    profile, faults = codec.decode(ModelProfile, data)
    if profile is None:
        raise SjcError("bad_model_profile", f"The model profile {path} is wrong: " + "; ".join(map(str, faults)) + ".")
    return profile
