# SPDX-License-Identifier: GPL-3.0-or-later
"""What all score models made of a diffusers pipeline have in common: an adapter adds only what is its family's own."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch

from ...protocol.errors import SjcError
from ...protocol.memory import MemoryLevel, memory_levels
from .class_names import ClassNames
from .control import pixels_per_sample, residuals
from .guidance import guided
from .ip_adapter import IpAdapter, takes_no_picture
from .latents import decode_latents, pixels_to_srgb, tile_decoder
from .noise_levels import Clock, NoiseLevels, levels_of_scheduler
from .pipeline_folder import PipelineFolder
from .placement import place
from .preconditioning import Preconditioning, preconditioning
from .quantised_layers import number_count
from .score_model import Condition


class PipelineModel:
    """The components of a pipeline as a `sjc_blender.engine.score_models.score_model.ScoreModel`.

    The networks run in the dtype they were loaded in; everything with sigma in it is computed in float32.

    An adapter sets `sigmas`, `prediction_type`, `channels`, `sample_size` and `dtype`, may replace `_predict`, and
    `encode` if its condition is no class; it overrides `decode` if its samples are neither pixels in [-1, 1] nor
    latents of a ``vae``.

    Parameters
    ----------
    pipeline : DiffusionPipeline
        Its networks are where they shall run, or wait for `place`.
    device : torch.device
        Where samples and embeddings live.
    """

    networks: ClassVar[tuple[str, ...]]
    """Components with weights."""
    parts: ClassVar[tuple[str, ...]] = ("scheduler",)
    """Components without weights."""
    allowed: ClassVar[dict[str, tuple[str, ...]]]
    """By component, what it may be."""
    optional: ClassVar[tuple[str, ...]] = ()
    """Those of both kinds that may be missing in a folder."""
    left_out: ClassVar[dict[str, Any]] = {}
    """Arguments that keep diffusers from loading what scoring does not need."""
    half_precision: ClassVar[bool] = True
    """False if the network's numbers are too large or too fine for float16."""
    wide_half: ClassVar[bool] = False
    """True if in half precision they need the range of bfloat16."""
    conditional: ClassVar[bool] = True
    classes: ClassNames | None = None
    """What a prompt may name, of a model of classes."""
    pixel_space: bool = False
    of_one_kind: bool = False
    """Whether no network of its format predicts anything else than it is said to."""
    levels: tuple[int, ...] = ()
    """Timesteps that the network knows, where those are a few of the table's; empty: all."""

    together: int = 1
    """Neighbours in a batch that the networks see at once: views evenly around the object."""

    remarks: tuple[str, ...] = ()
    """What a person has to know of the model before it is used, in sentences."""

    ip_adapter: IpAdapter | None = None
    """What lets it see a picture beside the prompt, if it has that."""

    sigma_data: float = 1.0
    """See `sjc_blender.engine.score_models.preconditioning.preconditioning`."""

    sigmas: torch.Tensor
    prediction_type: str
    channels: int
    sample_size: int
    dtype: torch.dtype
    clock: Clock

    def __init__(self, pipeline: Any, device: torch.device) -> None:
        self.device = device
        self.level = memory_levels()[0]
        self._pipeline = pipeline
        for name in self.networks:
            network = getattr(pipeline, name)
            if network is not None:
                network.eval().requires_grad_(False)

    @property
    def parameter_count(self) -> int:
        """Parameters of the denoising network."""
        return number_count(getattr(self._pipeline, self.networks[0]))

    @property
    def control_pixels(self) -> int:
        """Pixels of a picture that steers it, along a side for one sample; 0 if it has no ControlNet."""
        network = getattr(self._pipeline, "controlnet", None)
        return 0 if network is None else pixels_per_sample(network.config)

    def _take_over(self, network: Any, scheduler: Any) -> None:
        """Set what a denoising network and its scheduler say of themselves.

        Raises
        ------
        SjcError
            ``unsupported_pipeline``, ``unsupported_noise_schedule``.
        """
        self.channels = network.config.in_channels
        self.sample_size = square_side(network.config.sample_size)
        self.dtype = network.dtype
        self._take_levels(levels_of_scheduler(scheduler))

    def _take_levels(self, levels: NoiseLevels) -> None:
        self.sigmas, self.prediction_type, self.sigma_data = levels.sigmas, levels.prediction_type, levels.sigma_data
        self.clock = levels.clock

    def read_as(self, levels: NoiseLevels) -> Self:
        """The same networks under another label."""
        other = copy.copy(self)
        other._take_levels(levels)
        return other

    def factors(self, timestep: int) -> Preconditioning:
        """How the network's input and output are scaled at a noise level."""
        return preconditioning(self.prediction_type, float(self.sigmas[timestep]), self.sigma_data)

    @classmethod
    def assemble(cls, folder: PipelineFolder, dtype: torch.dtype) -> Any | None:
        """Load a folder whose pipeline's class diffusers has not; None where it has."""
        return None

    def samples_at_once(self, count: int) -> int:
        """Return how many of `count` samples the networks see in one call; views seen together are not parted."""
        allowed = self.level.samples_at_once or count
        return max(1, allowed // self.together) * self.together

    @classmethod
    def prepare(cls, pipeline: Any) -> None:
        """Change what has to be changed before the networks go to where they run, or wait."""

    def place(self, level: MemoryLevel) -> None:
        """Move the networks to where they run at this level, or wait; for `denoise` and `decode` from now on."""
        place(self._pipeline, self.device, level.offload)
        vae = getattr(self._pipeline, "vae", None)
        if vae is not None and level.tile:
            tile_decoder(vae, level.tile)
        self.level = level

    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        """See `ScoreModel.encode`: here the classes [N], int64, by `ClassNames.label`."""
        if self.classes is None:
            raise ValueError("this model has no condition")
        return torch.tensor([self.classes.label(text) for text in texts], device=self.device)

    def embed_picture(self, picture: np.ndarray) -> torch.Tensor:
        """Embed a picture (uint8 [H, W, 3]) for `Condition.picture`; SjcError without an IP-Adapter."""
        if self.ip_adapter is None:
            raise takes_no_picture("Models without an IP-Adapter")
        return self.ip_adapter.embed(picture, self.device)

    @torch.no_grad()
    def denoise(self, z: torch.Tensor, timestep: int, condition: Condition) -> torch.Tensor:
        """See `ScoreModel.denoise`."""
        if self.conditional and condition.positive is None:
            raise ValueError("this model is conditioned; give an embedding, that of the empty text perhaps")
        factors = self.factors(timestep)
        z_given = z

        def denoiser(z: torch.Tensor, embeddings: torch.Tensor | None) -> torch.Tensor:
            # What a network predicts beyond the mean, its variance, comes in further channels.
            network_input = factors.c_in * z
            count = self.samples_at_once(len(network_input))
            parts = network_input.split(count)
            told = embeddings.split(count) if embeddings is not None else [None] * len(parts)
            if condition.control is None and self.ip_adapter is None:
                outputs = [self._predict(*part) for part in zip(parts, [timestep] * len(parts), told, strict=True)]
            else:
                beside = _beside(condition, len(network_input), len(z_given)).split(count)
                outputs = [
                    self._run_unet(part, timestep, embedding, one)
                    for part, embedding, one in zip(parts, told, beside, strict=True)
                ]
            outputs = [output[:, : self.channels].float() for output in outputs]
            output = outputs[0] if len(outputs) == 1 else torch.cat(outputs)
            return factors.c_skip * z + factors.c_out * output

        def matched(unguided: torch.Tensor, denoised: torch.Tensor) -> torch.Tensor:
            return self._matched(z, unguided, denoised, factors)

        return guided(denoiser, z, condition, matched)

    def decode(self, samples: torch.Tensor) -> torch.Tensor:
        """See `ScoreModel.decode`."""
        if self.pixel_space:
            return pixels_to_srgb(samples)
        return decode_latents(self._pipeline.vae, samples)

    def _matched(
        self, z: torch.Tensor, unguided: torch.Tensor, guided: torch.Tensor, factors: Preconditioning
    ) -> torch.Tensor:
        """What the family's own sampler makes of guided samples [B, C, H, W] beside the unguided: nothing, here."""
        return guided

    def _time(self, timestep: int) -> float:
        """What the network is told of a noise level: the index, or what the clock of EDM shows."""
        return timestep if self.clock.kind == "index" else self.clock(float(self.sigmas[timestep]))

    def _predict(self, network_input: torch.Tensor, timestep: int, embeddings: torch.Tensor | None) -> torch.Tensor:
        """Run the network: here a U-Net with cross-attention to texts; families with another say how theirs is run.

        Parameters
        ----------
        network_input : Tensor [N, C, H, W], float32
            c_in z.
        timestep : int
            Index into `sigmas`.
        embeddings : Tensor [N, ...] or None

        Returns
        -------
        Tensor [N, at least C, H, W]
            In any dtype.
        """
        return self._run_unet(network_input, timestep, embeddings)

    def _run_unet(
        self,
        network_input: torch.Tensor,
        timestep: int,
        embeddings: torch.Tensor | None,
        beside: Beside | None = None,
    ) -> torch.Tensor:
        """Run a U-Net with cross-attention, steered by what there is beside its prompt."""
        assert embeddings is not None  # `denoise` has seen to it
        network_input, time = network_input.to(self.dtype), self._time(timestep)
        tokens, told = self._told(embeddings.to(self.dtype))
        added: dict[str, Any] = {}
        if beside is not None and beside.control is not None:
            strength = beside.control_strength
            added = residuals(self._pipeline.controlnet, network_input, time, tokens, beside.control, strength, **told)
        if self.ip_adapter is not None:
            beside = beside or _beside(Condition(embeddings), len(embeddings), len(embeddings))
            seen = self.ip_adapter.told(beside.picture, beside.shows, beside.picture_strength, self.dtype)
            told = {**told, "added_cond_kwargs": {**told.get("added_cond_kwargs", {}), **seen}}
        output: torch.Tensor = self._pipeline.unet(
            network_input,
            time,
            encoder_hidden_states=tokens,
            return_dict=False,
            **told,
            **added,
            **guidance_input(self._pipeline.unet, len(network_input)),
        )[0]
        return output

    def _told(self, embeddings: torch.Tensor) -> tuple[torch.Tensor, dict[str, Any]]:
        """Tokens [N, tokens, width] of embeddings, and what else a U-Net is told, by its arguments."""
        return embeddings, {}


@dataclass(frozen=True)
class Beside:
    """What each sample of a batch has beside its prompt: see `Condition`.

    Attributes
    ----------
    control : Tensor [N, 3, h, w] or None
    control_strength : float
    picture : Tensor [N, ...] or None
    picture_strength : float
    shows : Tensor [N], bool
        Whether its prompt is the positive one.
    """

    control: torch.Tensor | None
    control_strength: float
    picture: torch.Tensor | None
    picture_strength: float
    shows: torch.Tensor

    def split(self, count: int) -> list[Beside]:
        """Part it as the batch is parted, into so many samples."""
        shows = self.shows.split(count)
        control, picture = (
            [None] * len(shows) if values is None else values.split(count) for values in (self.control, self.picture)
        )
        return [
            Beside(c, self.control_strength, p, self.picture_strength, s)
            for c, p, s in zip(control, picture, shows, strict=True)
        ]


def _beside(condition: Condition, samples: int, given: int) -> Beside:
    """What is beside the prompts: guidance asks for the same samples once for each of its embeddings, in its order."""

    def each(values: torch.Tensor | None) -> torch.Tensor | None:
        return None if values is None else values.repeat(samples // len(values), *[1] * (values.ndim - 1))

    positive = 1 if samples > given else 0
    shows = torch.arange(samples) // given == positive
    device = next((v.device for v in (condition.positive, condition.picture) if v is not None), shows.device)
    return Beside(
        each(condition.control),
        condition.control_strength,
        each(condition.picture),
        condition.picture_strength,
        shows.to(device),
    )


DISTILLED_GUIDANCE = 7.5
"""The guidance that networks with guidance as an input are told: that of latent consistency models' own pipeline."""


def guidance_input(unet: Any, count: int) -> dict[str, torch.Tensor]:
    """Guidance as an input of a network that was distilled with it (https://arxiv.org/abs/2310.04378, section 4.2).

    Returns
    -------
    dict
        The argument of the network, [count, width]; empty for networks without such an input.
    """
    width = getattr(getattr(unet, "config", None), "time_cond_proj_dim", None)
    if width is None:
        return {}
    half = width // 2
    rates = torch.exp(torch.arange(half, device=unet.device) * (-math.log(10000.0) / (half - 1)))
    angles = 1000.0 * DISTILLED_GUIDANCE * rates
    row = torch.cat([angles.sin(), angles.cos(), angles.new_zeros(width % 2)])
    return {"timestep_cond": row.to(unet.dtype).expand(count, -1)}


def square_side(sample_size: int | Sequence[int] | None) -> int:
    """Side of a network's samples; of an oblong one the smaller. SjcError ``broken_model`` if it is not told."""
    if not isinstance(sample_size, int) and not sample_size:
        raise SjcError(
            "broken_model",
            "The model's network does not say how large its samples are (sample_size is null in its config.json).",
            'Write "sample_size" there: the side of its pictures in pixels, divided by 8 for models of latents.',
        )
    return sample_size if isinstance(sample_size, int) else min(sample_size)
