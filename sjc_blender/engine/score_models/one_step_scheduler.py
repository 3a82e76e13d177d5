# SPDX-License-Identifier: GPL-3.0-or-later
"""A scheduler that stands in a pipeline's for one step, and keeps what the network answers."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

GRID = 100_000
"""Points at which a clock that is not the noise level is read; between them it is smooth."""


class OneStepScheduler:
    """What a pipeline's call asks of a scheduler, answered so that the network sees what it is given, once.

    Parameters
    ----------
    own : SchedulerMixin
        The pipeline's own, which answers whatever is not asked for a step.
    """

    order = 1
    init_noise_sigma = 1.0

    def __init__(self, own: Any) -> None:
        self.own = own
        self.clocks: torch.Tensor = torch.zeros(0)
        self.timesteps: torch.Tensor = torch.zeros(0)
        self.sigmas: torch.Tensor = torch.zeros(1)
        self.num_inference_steps = 0
        self.output: torch.Tensor | None = None
        self._clocks: dict[float | None, tuple[np.ndarray, np.ndarray]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["own"], name)

    def ask(self, clocks: Sequence[float] | torch.Tensor) -> None:
        """Tell what the network's clock shall show at the next call: one number, or none for no step at all."""
        self.clocks, self.output = torch.as_tensor(clocks), None

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: Any = None,
        timesteps: Any = None,
        sigmas: Any = None,
        mu: float | None = None,
        **_: Any,
    ) -> None:
        """Take the clock that was asked for, whatever steps the pipeline would do."""
        clocks = self.clocks
        if timesteps is not None and sigmas is not None and len(clocks):
            clocks = self._unshifted(clocks, mu)
        self.timesteps = clocks.to(device)
        self.sigmas = torch.cat(
            [self.timesteps.float() / self.own.config.num_train_timesteps, torch.zeros(1).to(device)]
        )
        self.num_inference_steps = len(clocks)

    def _unshifted(self, clocks: torch.Tensor, mu: float | None) -> torch.Tensor:
        """The clock of pipelines that tell it and the noise levels apart: their scheduler shifts only the latter."""
        if mu not in self._clocks:
            self._clocks[mu] = self._shifts(mu)
        levels, told = self._clocks[mu]
        found = np.interp(clocks.double().numpy() / self.own.config.num_train_timesteps, levels, told)
        return torch.from_numpy(found).to(clocks.dtype)

    def _shifts(self, mu: float | None) -> tuple[np.ndarray, np.ndarray]:
        """Noise levels of the pipeline's scheduler, rising, and the clock at each."""
        count = self.own.config.num_train_timesteps
        told = np.linspace(count, count / GRID, GRID)
        scheduler = copy.deepcopy(self.own)
        known = inspect.signature(scheduler.set_timesteps).parameters
        options = {"mu": mu} if "mu" in known else {}
        scheduler.set_timesteps(timesteps=told, sigmas=told / count, **options)
        return scheduler.sigmas[:-1].double().numpy()[::-1], told[::-1]

    def set_begin_index(self, begin_index: int = 0) -> None:
        """There is one step."""

    def scale_model_input(self, sample: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        """What is given is scaled already."""
        return sample

    def step(
        self,
        model_output: torch.Tensor,
        timestep: Any,
        sample: torch.Tensor,
        *_: Any,
        return_dict: bool = True,
        **__: Any,
    ) -> Any:
        """Keep the output; the sample stays what it is."""
        self.output = model_output
        if not return_dict:
            return sample, sample
        return SimpleNamespace(prev_sample=sample, pred_original_sample=sample)
