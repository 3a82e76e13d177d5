# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network predicts, found out by trying: its file or folder may say something else.

Two calls tell it. Little noise on a smooth sample: read rightly, a trained network takes most of the noise out. Almost
nothing but noise: read rightly, what comes out does not follow the noise; noise read as v, or v as noise, does. A
network that is asked in another way than it was trained, at other noise levels or with another scale of its input, is
plausible by no reading. How the limits were measured is in ``docs/lab/experiments.md``; what else such calls tell is in
``behaviour.py``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from ...protocol.errors import SjcError
from .latents import decoder_scale, encode_pictures
from .noise_levels import nearest_timestep
from .pipeline_model import PipelineModel
from .preconditioning import EDM, FLOW, VARIANCE_PRESERVING, preconditioning

LOW_SIGMA = 0.3
HIGH_SIGMA = 15.0
"""Beyond it a small error of a network that predicts noise is a large one of its clean sample: some schedules end at
20 000."""

MOST_LEFT = 0.6
"""Of the noise's power after the network at `LOW_SIGMA`: measured 0.18 to 0.50 read rightly, from 0.9 on by a network
of random weights."""

MOST_CHANGED = 0.15
"""Of the sample's strength at `LOW_SIGMA`: measured up to 0.07 read rightly."""

MOST_FOLLOWED = 0.25
"""Of the noise in what comes out at `HIGH_SIGMA`: measured up to 0.08 read rightly, 0.9 and more where noise is
read as v or as a sample, or v as noise, 0.47 where a flow is read as noise."""

MOST_LEFT_DISTILLED, MOST_CHANGED_DISTILLED, MOST_FOLLOWED_DISTILLED = 0.75, 0.06, 1.1
"""The same of networks that make a picture in a few steps. One step leaves detail of the noise, and the picture follows
it: ideal ones have 0.38 to 0.70, up to 0.04, and 0.31 to 0.95; v read as a flow has 0.08 to 0.15 changed."""

NUMBERS = 4096
"""Numbers that a measurement is made of, at least."""


@dataclass(frozen=True)
class Reading:
    """How a network's answers look, read as one kind of prediction.

    Attributes
    ----------
    left : float
        Share of the noise's power that is left at `LOW_SIGMA`.
    kept : float
        How strong the sample itself still is at `LOW_SIGMA`.
    followed : float
        How much of the noise is in the answer at `HIGH_SIGMA`; negative where it is there inverted.
    """

    left: float
    kept: float
    followed: float

    @property
    def doubt(self) -> float:
        """Largest of the three by its limit."""
        return max(self.left / MOST_LEFT, abs(self.kept - 1) / MOST_CHANGED, abs(self.followed) / MOST_FOLLOWED)

    @property
    def plausible(self) -> bool:
        """Whether a trained network that predicts this would answer so."""
        return self.doubt < 1

    @property
    def plausible_if_distilled(self) -> bool:
        """Whether one that was distilled to a few steps, or to one, would."""
        followed = -MOST_FOLLOWED < self.followed < MOST_FOLLOWED_DISTILLED
        return self.left < MOST_LEFT_DISTILLED and abs(self.kept - 1) < MOST_CHANGED_DISTILLED and followed


@dataclass(frozen=True)
class Trial:
    """What trying a model told.

    Attributes
    ----------
    prediction : str or None
        What its network predicts: what it is said to, where its answers are plausible so; None if they are by nothing.
    distilled : bool
        Whether they are plausible as those of a distilled network alone.
    embedding : Tensor [1, ...] or None
        Of no text, or of any class.
    smooth : Tensor [1, C, H, W] or None
        The smooth sample that it was tried with; None where nothing was to be tried.
    """

    prediction: str | None
    distilled: bool = False
    embedding: torch.Tensor | None = None
    smooth: torch.Tensor | None = None


def try_out(model: PipelineModel, pipeline: Any, embedding: torch.Tensor | None) -> Trial:
    """Try what a network predicts, unless there is nothing else that it might.

    Parameters
    ----------
    embedding : Tensor [1, ...] or None
        Of no text, or of any class.
    """
    if model.of_one_kind or not alike(model.prediction_type):
        return Trial(model.prediction_type, embedding=embedding)
    smooth = smooth_sample(model, pipeline)
    found = readings(model, embedding, smooth)
    told = found[model.prediction_type]
    prediction = model.prediction_type if told.plausible else prediction_of(found)
    distilled = prediction is not None and not found[prediction].plausible
    return Trial(prediction, distilled, embedding, smooth)


def alike(prediction_type: str) -> tuple[str, ...]:
    """The kinds of prediction whose networks are asked as those of `prediction_type` are, itself among them.

    EDM's two are asked alike with the same deviation of the data, which those in use have not.
    """
    groups = (VARIANCE_PRESERVING, *((kind,) for kind in EDM.values()), (FLOW,))
    return next((group for group in groups if prediction_type in group), ())


@torch.no_grad()
def readings(model: PipelineModel, embedding: torch.Tensor | None, smooth: torch.Tensor) -> dict[str, Reading]:
    """Try a network, and read its answers as each kind of prediction that is asked as its own is.

    Parameters
    ----------
    embedding : Tensor [1, ...] or None
        Of no text, or of any class.
    smooth : Tensor [1, C, H, W], float32
        A sample without fine detail, as the model knows samples.
    """
    noise = noise_like(smooth)
    count = len(noise)
    # What the answers have in common, a mean picture, is not in this.
    varying = noise - noise.mean(0, keepdim=True) if count > 1 else noise
    low, high = (nearest_timestep(model.sigmas, sigma) for sigma in (LOW_SIGMA, HIGH_SIGMA))
    answers = {
        level: _answers(model, smooth + float(model.sigmas[level]) * noise, level, embedding) for level in (low, high)
    }
    found = {}
    for kind in alike(model.prediction_type):
        clean, noisy = answers[low][kind], answers[high][kind]
        left = (clean - smooth).square().mean() / (float(model.sigmas[low]) ** 2 * noise.square().mean())
        kept = (clean.mean(0) * smooth).mean() / smooth.square().mean()
        followed = (noisy * varying).mean() / varying.square().mean()
        found[kind] = Reading(float(left), float(kept), float(followed))
    return found


def noise_like(smooth: torch.Tensor) -> torch.Tensor:
    """Noise [N, C, H, W] of deviation 1 for a sample [1, C, H, W], at least `NUMBERS` numbers."""
    count = max(1, math.ceil(NUMBERS / smooth.numel()))
    return torch.randn((count, *smooth.shape[1:]), generator=torch.Generator().manual_seed(0)).to(smooth)


def network_outputs(
    model: PipelineModel, seen: torch.Tensor, timestep: int, embedding: torch.Tensor | None
) -> torch.Tensor:
    """What a network answers to each of `seen` [N, C, H, W], asked one by one: float32, without a learned variance."""
    return torch.cat([model._predict(one[None], timestep, embedding)[:, : model.channels].float() for one in seen])


def _answers(
    model: PipelineModel, z: torch.Tensor, level: int, embedding: torch.Tensor | None
) -> dict[str, torch.Tensor]:
    """Clean samples by each reading; the network is asked once for each of `z`."""
    sigma = float(model.sigmas[level])
    factors = {kind: preconditioning(kind, sigma, model.sigma_data) for kind in alike(model.prediction_type)}
    output = network_outputs(model, factors[model.prediction_type].c_in * z, level, embedding)
    return {kind: factor.c_skip * z + factor.c_out * output for kind, factor in factors.items()}


def prediction_of(found: dict[str, Reading]) -> str | None:
    """The kind of prediction by which answers are plausible, the best of several; None if none is.

    They are those of a distilled network only where they are of no usual one.
    """
    usual = {kind: reading.left for kind, reading in found.items() if reading.plausible}
    plausible = usual or {kind: reading.left for kind, reading in found.items() if reading.plausible_if_distilled}
    return min(plausible, key=lambda kind: plausible[kind]) if plausible else None


def smooth_sample(model: PipelineModel, pipeline: Any) -> torch.Tensor:
    """A grey picture with a soft ball, as the model knows samples [1, C, H, W]."""
    vae = getattr(pipeline, "vae", None) or getattr(pipeline, "movq", None)
    scale = 1 if model.pixel_space or vae is None else decoder_scale(vae.config)
    side = model.sample_size * scale
    axis = torch.linspace(-1.0, 1.0, side)
    ball = torch.exp(-4.0 * (axis[:, None] ** 2 + axis[None, :] ** 2))
    colours = torch.tensor([0.6, 0.1, -0.3])
    picture = (ball[None] * colours[:, None, None] + 0.1)[None].to(model.device)
    if model.pixel_space or vae is None:
        return picture[:, : model.channels]
    return encode_pictures(vae, picture)


def told_as(kind: str) -> str:
    """The word of diffusers' schedulers for a kind of prediction."""
    if kind == FLOW:
        return "flow_prediction"
    return next((word for word, of_edm in EDM.items() if of_edm == kind), kind)


def mislabelled(source: object, declared: str, found: str) -> SjcError:
    """The refusal of a network that predicts something else than its scheduler says."""
    declared, found = told_as(declared), told_as(found)
    flow = ', and "use_flow_sigmas": true,' if found == told_as(FLOW) else ""
    return SjcError(
        "mislabelled_model",
        f"The model {source} is said to predict {declared!r}, but its network's answers are those of {found!r}: the "
        "object would come out as noise or a grey block.",
        f'Write "prediction_type": "{found}"{flow} into scheduler/scheduler_config.json of the model (for a single '
        "file: of the folder in diffusers format beside it, which has its name).",
    )
