"""Which part of a step is the network's."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import torch

from sjc_blender.engine.optimisation.sjc import ScoreJacobianChaining
from sjc_blender.engine.score_models.conditioning import conditioner_for
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.spec import JobSpec


@dataclass
class TimedJob:
    """A job whose steps are measured, and in them the calls of the model's denoiser.

    Parameters
    ----------
    spec : JobSpec
    model : PipelineModel
        Its `denoise` is replaced by one that is measured.

    Attributes
    ----------
    network : list of float
        Seconds of the denoiser, a step each.
    """

    spec: JobSpec
    model: Any
    network: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        conditioner = conditioner_for(self.spec, load_profile(self.spec.model.source), self.model)
        self.sjc = ScoreJacobianChaining(self.spec, self.model, conditioner)
        self._denoise = self.model.denoise
        self.model.denoise = self._timed_denoise

    def step(self, index: int) -> None:
        """Do the next step."""
        self.network.append(0.0)
        self.sjc.advance()

    def _timed_denoise(self, *arguments: Any) -> torch.Tensor:
        # Before and after, or the renderer's kernels would count as the network's.
        self._wait()
        began = time.perf_counter()
        denoised: torch.Tensor = self._denoise(*arguments)
        self._wait()
        self.network[-1] += time.perf_counter() - began
        return denoised

    def _wait(self) -> None:
        if self.model.device.type == "cuda":
            torch.cuda.synchronize()
