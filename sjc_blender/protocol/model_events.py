# SPDX-License-Identifier: GPL-3.0-or-later
"""Events about models on this computer, about one of them, and about downloads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from .model_families import FAMILY

GREY = "#808080"
"""What a profile has behind the objects where nobody says what the model's pictures have there."""


@dataclass(frozen=True)
class ModelOnDisk:
    """A model in the local Hugging Face cache.

    Attributes
    ----------
    id : str
        Its Hugging Face id.
    family : str
        Name of its family, see `model_families`.
    state : str
        ``"whole"``, or ``"part"`` after a download that did not end.
    size : int
        Bytes on disk.
    path : str
        Its folder in the cache.
    """

    id: str
    family: str
    state: Literal["whole", "part"]
    size: int
    path: str


@dataclass(frozen=True)
class Models:
    """The models on this computer; also the end of a download and of a deletion.

    Attributes
    ----------
    cache : str
        Folder of the cache.
    free : int
        Bytes that are free there.
    models : tuple of ModelOnDisk
    """

    cache: str
    free: int
    models: tuple[ModelOnDisk, ...] = ()

    def find(self, hub_id: str) -> ModelOnDisk | None:
        """Return the model with that id, or None."""
        return next((model for model in self.models if model.id == hub_id), None)


@dataclass(frozen=True)
class Transfer:
    """How far a download is.

    Attributes
    ----------
    done, total : int
        Bytes; what was there before counts as done.
    bytes_per_second : float
        Measured over the last seconds; 0 while it is not known.
    file : str
        What is being fetched.
    """

    done: int
    total: int
    bytes_per_second: float = 0.0
    file: str = ""

    @property
    def eta_seconds(self) -> float:
        """Estimate of the time left; 0 while it is not known."""
        return (self.total - self.done) / self.bytes_per_second if self.bytes_per_second > 0 else 0.0


@dataclass(frozen=True)
class ModelFacts:
    """What a model is, before a job is made with it.

    Attributes
    ----------
    source : str
        As it was asked for.
    path : str
        Its folder or file.
    family : str
        Name of its family, see `model_families`.
    prediction : str
        What its network predicts: ``"epsilon"``, ``"v_prediction"``, ``"sample"``, ``"flow"``, ``"score"``; of
        reference views ``"pictures"``.
    noise_levels : int
        Length of its table of noise levels.
    lowest_sigma, highest_sigma : float
        Ends of the table, for samples in [-1, 1] or scaled latents.
    zero_snr : bool
        Whether its scheduler ends at a signal-to-noise ratio of zero.
    channels, sample_size : int
        Of a sample.
    pixel_space : bool
        Whether a sample is a picture; else it is latents.
    parameters : int
        Of the network that scores.
    distilled : str
        The kind, see `distillation`; empty for none.
    profile : str
        File of the profile that it is used by; empty where that is in a table of families.
    own_profile : bool
        Whether that is its own, and not its family's.
    tried : bool
        Whether it was loaded, and its network tried: then the warnings tell what was found.
    warnings : tuple of str
    """

    source: str
    path: str
    family: str
    prediction: str
    noise_levels: int
    lowest_sigma: float
    highest_sigma: float
    zero_snr: bool
    channels: int
    sample_size: int
    pixel_space: bool
    parameters: int
    distilled: str
    profile: str
    own_profile: bool
    tried: bool
    warnings: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Tell it to a person."""
        kind = "pixels" if self.pixel_space else "latents"
        ratio = ", with a zero terminal signal-to-noise ratio" if self.zero_snr else ""
        family = FAMILY[self.family].title if self.family in FAMILY else self.family
        rows = {
            "Model": self.path,
            "Family": family,
            "Predicts": self.prediction + (" (tried out)" if self.tried else ", as its files say"),
            "Noise": f"{self.noise_levels} levels, sigma {self.lowest_sigma:.3g} to {self.highest_sigma:.4g}{ratio}",
            "Samples": f"{self.channels} x {self.sample_size} x {self.sample_size} {kind}",
            "Parameters": f"{self.parameters / 1e6:.1f} million" if self.parameters else "none",
            "Distilled": self.distilled or "no",
            "Profile": self.profile if self.own_profile else f"{self.profile} (that of its family)".strip(),
        }
        return [f"{name + ':':<12}{value}" for name, value in rows.items()] + [
            f"Warning: {warning}" for warning in self.warnings
        ]


@dataclass(frozen=True)
class ProfileTemplate:
    """A profile for a model, complete and good: the contents of an ``sjc.json`` to begin with."""

    profile: dict[str, Any]
