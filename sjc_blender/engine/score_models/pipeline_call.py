# SPDX-License-Identifier: GPL-3.0-or-later
"""A pipeline's own call, made to do one step: its noise is what it is given, its texts are those told before."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from typing import Any

import torch

from ...protocol.errors import SjcError
from .one_step_scheduler import OneStepScheduler
from .sample_layout import PATCH, SampleLayout, layout_of
from .told_texts import Tree

DENOISERS = ("transformer", "unet")
"""Names of the denoising network; a model has one of them."""
PREPARERS = ("prepare_latents", "prepare_intermediate_images")
"""Names of the methods in which pipelines draw the noise that they begin with."""

SWITCHED_OFF = {
    "use_resolution_binning": False,  # it would resize what is asked for
    "clean_caption": False,  # needs packages that the engine has not, and changes the prompt
    "use_pe": False,
    "enable_prompt_rewrite": False,  # a language model would write another prompt
    "enable_cfg_renorm": False,  # the engine's guidance has no such bound; LongCat-Image has one unless told not to
}
"""Arguments by which pipelines do more than a step."""

GUIDED = 2.0
"""A guidance scale by which pipelines have two passes."""


class PipelineCall:
    """The call of a pipeline whose scheduler and a few of whose methods are replaced.

    Parameters
    ----------
    pipeline : DiffusionPipeline
    channels, side : int
        Of a sample of the pipeline's own size.
    pixels : int
        Pixels of a picture along a sample's side; corrected by the noise that the pipeline draws.
    """

    def __init__(self, pipeline: Any, channels: int, side: int, pixels: int) -> None:
        own = pipeline.scheduler
        if isinstance(own, OneStepScheduler):  # the pipeline had an adapter already
            own = own.own
            for name in ("encode_prompt", *PREPARERS):
                pipeline.__dict__.pop(name, None)
        self.pipeline, self.channels, self.side, self.pixels = pipeline, channels, side, pixels
        self.scheduler = OneStepScheduler(own)
        self.told: list[Tree] = []
        """What the encoders returned in the last call that replayed nothing."""
        self._network = next(getattr(pipeline, name) for name in DENOISERS if hasattr(pipeline, name))
        self._known = inspect.signature(type(pipeline).__call__).parameters
        self._measured = False
        self._replayed: list[Tree] | None = None
        self._samples: torch.Tensor | None = None
        self._layout: SampleLayout | None = None
        self._own_encode = pipeline.encode_prompt
        preparer = next(name for name in PREPARERS if hasattr(pipeline, name))
        self._own_prepare = getattr(pipeline, preparer)
        pipeline.scheduler = self.scheduler
        pipeline.encode_prompt = self._encode_prompt
        setattr(pipeline, preparer, self._prepare_latents)
        # Networks stay where they are until another needs the place, not only until the end of a step.
        pipeline.maybe_free_model_hooks = _nothing
        pipeline.set_progress_bar_config(disable=True)

    def step(self, samples: torch.Tensor, clocks: torch.Tensor, texts: Tree, guidance: float | None) -> torch.Tensor:
        """What the network answers.

        Parameters
        ----------
        samples : Tensor [N, C, h, w]
            As it sees them.
        clocks : Tensor [1]
            What its clock shows.
        texts : tree
            What the encoders returned of N texts, call by call.
        guidance : float or None
            What the network is told of guidance; None if it is told nothing.

        Raises
        ------
        SjcError
            ``odd_render_size``; ``unsupported_pipeline`` if the pipeline does not work as others do.
        """
        self._run(samples, clocks, texts, "latent", guidance)
        output = self.scheduler.output
        if output is None or self._layout is None:
            raise _not_followed(self.pipeline, "its call does not give its scheduler what the network answers")
        taken = self._layout.taken(output)[:, : self.channels]
        if taken.shape != samples.shape:
            raise _odd(samples)
        return taken

    def pictures(self, samples: torch.Tensor, texts: Tree) -> torch.Tensor:
        """Decode samples, by the end of a call without steps: [N, 3, H, W] in [0, 1], float32, on the CPU."""
        # As arrays they are in [0, 1] whichever the pipeline; as tensors one leaves them in [-1, 1].
        pictures = self._run(samples, torch.zeros(0), texts, "np", None)[0]
        return torch.from_numpy(pictures).float().permute(0, 3, 1, 2)

    def texts(self, prompts: Sequence[str], *, guided: bool = False, **more: Any) -> list[Tree]:
        """What the encoders return of texts, call by call."""
        self.told = []
        self._run(None, torch.zeros(0), None, "latent", None, prompts=prompts, guided=guided, **more)
        return self.told

    @torch.no_grad()
    def sample_by_itself(self, prompt: str, steps: int, *, guided: bool) -> None:
        """Have the pipeline sample with its own scheduler."""
        self.pipeline.scheduler = self.scheduler.own
        try:
            options = {"num_inference_steps": steps, "generator": torch.Generator().manual_seed(0)}
            self._run(None, torch.zeros(0), None, "latent", None, prompts=[prompt], guided=guided, **options)
        finally:
            self.pipeline.scheduler = self.scheduler

    def _run(
        self,
        samples: torch.Tensor | None,
        clocks: torch.Tensor,
        texts: Tree | None,
        kind: str,
        guidance: float | None,
        *,
        prompts: Sequence[str] = (),
        guided: bool = False,
        **more: Any,
    ) -> Any:
        height, width = samples.shape[-2:] if samples is not None else (self.side, self.side)
        full = self.side * self.pixels
        if "default_sample_size" in vars(self.pipeline):
            # HiDream's pipeline makes every picture as large as this.
            self.pipeline.default_sample_size = height
        self.scheduler.ask(clocks)
        self._samples, self._replayed = samples, None if texts is None else list(texts)
        options = {
            "height": height * self.pixels,
            "width": width * self.pixels,
            "original_size": (full, full),
            "target_size": (full, full),
            "num_inference_steps": 1,
            "guidance_scale": GUIDED if guided else self._one_pass() if guidance is None else guidance,
            "true_cfg_scale": GUIDED if guided else 1.0,
            "output_type": kind,
            "return_dict": False,
            **SWITCHED_OFF,
            **more,
        }
        prompts = list(prompts) or [""] * (1 if samples is None else len(samples))
        return self.pipeline(prompt=prompts, **{name: value for name, value in options.items() if name in self._known})

    def _one_pass(self) -> float | None:
        """The guidance scale by which the pipeline has one pass."""
        if "true_cfg_scale" in self._known:
            return None if self._known["guidance_scale"].default is None else 1.0
        self.pipeline._guidance_scale = 1.0
        return 0.0 if getattr(self.pipeline, "do_classifier_free_guidance", False) else 1.0

    def _encode_prompt(self, *arguments: Any, **options: Any) -> Tree:
        if self._replayed is not None:
            return self._replayed.pop(0)
        returned = self._own_encode(*arguments, **options)
        self.told.append(returned)
        return returned

    def _prepare_latents(self, *arguments: Any, **options: Any) -> Any:
        made = self._own_prepare(*arguments, **options)
        drawn = made[0] if isinstance(made, tuple) else made
        if self._samples is None:
            if not self._measured:
                self._measure(drawn)
            return made
        self._layout = layout_of(drawn, self._samples)
        if self._layout is None and any(side % PATCH for side in self._samples.shape[-2:]):
            raise _odd(self._samples)
        if self._layout is None:
            shapes = f"{tuple(drawn.shape)} for samples of {tuple(self._samples.shape)}"
            raise _not_followed(self.pipeline, f"it makes noise of the shape {shapes}")
        latents = self._layout.laid(self._samples).to(drawn)
        return (latents, *made[1:]) if isinstance(made, tuple) else latents

    def _measure(self, drawn: torch.Tensor) -> None:
        """Correct the pixels along a sample, of pipelines that count them otherwise."""
        self._measured = True
        side = PATCH * math.isqrt(drawn.shape[1]) if drawn.dim() == 3 else drawn.shape[-1]
        if drawn.dim() > 3 and drawn.shape[1] == self.channels * PATCH**2:
            side *= PATCH
        if side != self.side and side % self.side == 0:
            self.pixels = self.pixels * self.side // side


def _nothing() -> None:
    """In place of what frees networks after every call."""


def _odd(samples: torch.Tensor) -> SjcError:
    side = samples.shape[-1]
    return SjcError(
        "odd_render_size",
        f"The model sees samples in patches of {PATCH} x {PATCH}, and those of this job have {side} x {side}.",
        f"Set optimisation.render_size to an even number, such as {side + 1}, or to 0 for the model's own.",
    )


def _not_followed(pipeline: Any, why: str) -> SjcError:
    return SjcError(
        "unsupported_pipeline",
        f"The pipeline {type(pipeline).__name__} does not work as text-to-image pipelines of diffusers do: {why}.",
        "Choose a model of one of the families in docs/families.md.",
    )
