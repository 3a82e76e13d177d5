# SPDX-License-Identifier: GPL-3.0-or-later
"""Any text-to-image pipeline of diffusers as a score model: its own call does one step, with a scheduler of ours.

The pipeline knows how its network is called: embeddings, masks, sizes, packing, positions, the clock's direction and
the output's sign. What it would give its scheduler is kept instead, and read as its scheduler would.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Sequence
from typing import Any, ClassVar

import torch

from ...protocol.errors import SjcError
from ...protocol.memory import MemoryLevel
from ...protocol.text_to_image import OTHER, TextToImage
from .cut_texts import log_cut_texts
from .latents import DECODED_PIXELS_AT_ONCE
from .noise_levels import levels_of_scheduler
from .pipeline_call import DENOISERS, PipelineCall
from .pipeline_model import PipelineModel, square_side
from .preconditioning import FLOW, Preconditioning
from .prediction_check import mislabelled
from .sample_layout import PATCH, SampleLayout
from .score_model import Condition
from .told_texts import ToldTexts, Tree, negative_part

USUAL_SIDE = 128
EXAMPLE = "a red chair"


class AnyPipeline(PipelineModel):
    """See `PipelineModel`. A class for each family is made by `adapter_for`.

    Parameters
    ----------
    pipeline : DiffusionPipeline
        Its scheduler and a few of its methods are replaced.
    device : torch.device
    """

    family: ClassVar[TextToImage]

    def __init__(self, pipeline: Any, device: torch.device) -> None:
        scheduler = getattr(pipeline.scheduler, "own", pipeline.scheduler)
        self._network = next(getattr(pipeline, name) for name in DENOISERS if hasattr(pipeline, name))
        config = self._network.config
        self._take_levels(levels_of_scheduler(scheduler))
        # Of a pipeline outside the table nothing is known; it is compared with its own sampler.
        if self.family.flow and self.family.name != OTHER.name and self.prediction_type != FLOW:
            raise mislabelled(pipeline.name_or_path, self.prediction_type, FLOW)
        self.of_one_kind = self.family.flow and self.prediction_type == FLOW
        self.dtype = self._network.dtype
        decoder = getattr(pipeline, "vae", None) or getattr(pipeline, "movq", None)
        self.pixel_space = decoder is None
        # Networks that see patches of latents have more channels than those.
        latent = decoder and (decoder.config.get("latent_channels") or decoder.config.get("z_dim"))
        self.channels = int(latent or config.in_channels)
        _require_samples_alone(pipeline, self.channels, config.get("in_channels"))
        side = config.get("sample_size") or getattr(pipeline, "default_sample_size", None) or USUAL_SIDE
        if "default_sample_size" in getattr(pipeline, "config", {}):  # PRX has it among its settings, in pixels
            side //= pipeline.vae_scale_factor
        self.sample_size = square_side(side)
        super().__init__(pipeline, device)
        self._embeds_guidance = bool(config.get("guidance_embeds", False))
        self._guidance = self.family.guidance_scale
        self._texts: ToldTexts | None = None
        self._negatives_differ = False
        self._nothing: dict[int, torch.Tensor] = {}

    @functools.cached_property
    def call(self) -> PipelineCall:
        """The pipeline's call; made when it is asked for, since an outline of a model has none."""
        pixels = 1 if self.pixel_space else getattr(self._pipeline, "vae_scale_factor", self.family.pixels)
        return PipelineCall(self._pipeline, self.channels, self.sample_size, pixels)

    def place(self, level: MemoryLevel) -> None:
        """See `PipelineModel.place`; decoders of other kinds choose their own tiles."""
        vae = getattr(self._pipeline, "vae", None)
        if vae is None or hasattr(vae, "tile_latent_min_size") or not level.tile:
            super().place(level)
            return
        if hasattr(vae, "enable_tiling"):
            vae.enable_tiling()
        super().place(MemoryLevel(**{**vars(level), "tile": 0}))
        self.level = level

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        """Embed texts as the pipeline does, one by one.

        Returns
        -------
        Tensor [N, K], float32
            See `sjc_blender.engine.score_models.told_texts`. Where the pipeline tells what guidance leads away from in
            another way than what is wanted, the second half of a row is the text told so.
        """
        self._log_cut(texts)
        if self._texts is None:
            self._texts = self._learn_texts()
        told = [self.call.texts([text]) for text in texts]
        if self._negatives_differ:
            told += [self._told_as_negative(text) for text in texts]
        rows = self._texts.pack(told, self.device)
        if self._negatives_differ:
            rows = torch.cat(rows.chunk(2), dim=1)
        for text, row in zip(texts, rows, strict=True):
            if not text.strip():
                self._nothing[row.numel()] = row
        return rows

    @torch.no_grad()
    def denoise(self, z: torch.Tensor, timestep: int, condition: Condition) -> torch.Tensor:
        """See `PipelineModel.denoise`; networks that are told the guidance scale see a sample once.

        That is where guidance leads away from nothing in particular. Where a negative prompt, other views or the
        classifier alone are asked for there are two passes, both without guidance.
        """
        told = self._embeds_guidance and self._can_be_told(condition)
        scale = condition.guidance_scale
        if self._negatives_differ:
            condition = _halved(condition)
        if not self._embeds_guidance:
            return super().denoise(z, timestep, condition)
        try:
            self._guidance = scale if told else 1.0
            return super().denoise(z, timestep, Condition(condition.positive) if told else condition)
        finally:
            self._guidance = self.family.guidance_scale

    @torch.no_grad()
    def decode(self, samples: torch.Tensor) -> torch.Tensor:
        """See `ScoreModel.decode`: the end of the pipeline's own call, after no steps."""
        if self.pixel_space:
            return super().decode(samples)
        if not self._nothing:
            self.encode([""])
        assert self._texts is not None
        row = next(iter(self._nothing.values()))
        text = self._texts.unpack(row[: row.numel() // 2] if self._negatives_differ else row)
        pixels = samples.shape[2] * samples.shape[3] * self.call.pixels**2
        chunks = samples.split(max(1, DECODED_PIXELS_AT_ONCE // pixels))
        pictures = [self.call.pictures(chunk, self._texts.together([text] * len(chunk))) for chunk in chunks]
        return torch.cat(pictures).to(self.device)

    def _predict(self, network_input: torch.Tensor, timestep: int, embeddings: torch.Tensor | None) -> torch.Tensor:
        """See `PipelineModel._predict`. Texts of the same length are told together."""
        assert embeddings is not None and self._texts is not None
        told = [self._texts.unpack(row) for row in embeddings]
        groups: dict[tuple[torch.Size, ...], list[int]] = {}
        for index, tensors in enumerate(told):
            groups.setdefault(tuple(tensor.shape for tensor in tensors), []).append(index)
        outputs: list[torch.Tensor | None] = [None] * len(told)
        for rows in groups.values():
            output = self._asked(network_input[rows], timestep, [told[row] for row in rows])
            for row, one in zip(rows, output, strict=True):
                outputs[row] = one
        return torch.stack([output for output in outputs if output is not None])

    def _matched(
        self, z: torch.Tensor, unguided: torch.Tensor, guided: torch.Tensor, factors: Preconditioning
    ) -> torch.Tensor:
        """Give the network's guided output the norm of the unguided, where the family's pipeline does."""
        if not self.family.renormalised:
            return guided
        one, other = ((d - factors.c_skip * z) / factors.c_out for d in (unguided, guided))
        if self.family.renormalised == "row":
            norms = [output.norm(dim=-1, keepdim=True) for output in (one, other)]
            return factors.c_skip * z + factors.c_out * other * (norms[0] / norms[1])
        tokens = SampleLayout("tokens", z.shape[-2:])
        wanted, found = (tokens.laid(output) for output in (one, other))
        scaled = found * (wanted.norm(dim=-1, keepdim=True) / found.norm(dim=-1, keepdim=True))
        return factors.c_skip * z + factors.c_out * tokens.taken(scaled)

    def _asked(self, seen: torch.Tensor, timestep: int, texts: Sequence[Sequence[torch.Tensor]]) -> torch.Tensor:
        assert self._texts is not None
        clocks = torch.tensor([self.clock(float(self.sigmas[timestep]))])
        clocks = clocks if self.clock.fractions else clocks.long()
        guidance = self._guidance if self._embeds_guidance else None
        return self.call.step(seen, clocks, self._texts.together(texts), guidance)

    def _told_as_negative(self, text: str) -> list[Tree]:
        """What is returned of a text that guidance leads away from; of none, what the pipeline takes for that."""
        plain = self.call.texts([text])
        for told in ({}, {"negative_prompt": [text]}) if not text.strip() else ({"negative_prompt": [text]},):
            try:
                guided = self.call.texts([text], guided=True, **told)
            except (AttributeError, TypeError, ValueError):
                if told:
                    raise
                continue  # that of Kolors has nothing for none
            negative: list[Tree] | None = negative_part(plain, guided)
            if negative is not None:
                return negative
        return plain

    def _learn_texts(self) -> ToldTexts:
        """Find out the form of what the encoders return, and whether negative texts are told in another way."""
        texts = ToldTexts(self.call.texts([""]), self.call.texts(["", ""]))
        for text in ("", EXAMPLE):
            rows = texts.pack([self.call.texts([text]), self._told_as_negative(text)], self.device)
            self._negatives_differ |= not torch.equal(rows[0], rows[1])
        return texts

    def _can_be_told(self, condition: Condition) -> bool:
        if not condition.contrasted:
            return True
        if (
            condition.classifier_only
            or condition.other_views is not None
            or condition.rescale
            or condition.negative is None
        ):
            return False
        nothing = self._nothing.get(condition.negative.shape[-1])
        return nothing is not None and bool((condition.negative == nothing).all())

    def _log_cut(self, texts: Sequence[str]) -> None:
        pipeline = self._pipeline
        names = ("tokenizer_3", "tokenizer_2", "tokenizer")
        tokenizer = next((t for name in names if (t := getattr(pipeline, name, None)) is not None), None)
        parameter = inspect.signature(type(pipeline).__call__).parameters.get("max_sequence_length")
        longest = parameter.default if parameter is not None else self.family.tokens
        if tokenizer is not None:
            log_cut_texts(tokenizer, texts, longest if isinstance(longest, int) else 0)


def _require_samples_alone(pipeline: Any, channels: int, seen: int | None) -> None:
    """Refuse a network that takes more than samples, or patches of 2 x 2 of them: a mask, a picture, its depth."""
    if seen is not None and seen not in (channels, channels * PATCH**2):
        raise SjcError(
            "unsupported_pipeline",
            f"The network of the {type(pipeline).__name__} takes {seen} channels, and samples have {channels}, in "
            f"patches {channels * PATCH**2}: it changes a given picture, or follows one.",
            "Choose the text-to-image model of the same family.",
        )


def adapter_for(family: TextToImage) -> type[AnyPipeline]:
    """The adapter of a family, with what its folders hold."""
    return type(
        "AnyPipeline",
        (AnyPipeline,),
        {
            "__doc__": AnyPipeline.__doc__,
            "family": family,
            "networks": family.networks,
            "parts": family.settings,
            "allowed": dict(family.components),
            "optional": family.optional,
            "wide_half": family.flow and not family.fits_float16,
        },
    )


def _halved(condition: Condition) -> Condition:
    """Wanted texts as such, and negative ones as those."""

    def half(rows: torch.Tensor | None, index: int) -> torch.Tensor | None:
        return None if rows is None else rows.chunk(2, dim=-1)[index]

    return dataclasses.replace(
        condition,
        positive=half(condition.positive, 0),
        negative=half(condition.negative, 1),
        other_views=half(condition.other_views, 0),
    )
