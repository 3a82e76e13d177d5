# SPDX-License-Identifier: GPL-3.0-or-later
"""The Muon optimiser: orthogonalised momentum for weight matrices.

Denoisers learn more from each sample with it than with AdamW, and samples
are what two cores cannot make many of. Convolutions are matrices of output
channels by everything else.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor, nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ROUNDS = 5


def orthogonalise(matrix: Tensor) -> Tensor:
    """Return a matrix of the same singular vectors with singular values near one.

    Newton-Schulz iteration with a quintic polynomial (Jordan et al., 2024).
    """
    a, b, c = _COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(_ROUNDS):
        gram = x @ x.T
        x = a * x + torch.addmm(b * gram, gram, gram, alpha=c) @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum whose updates are orthogonalised, scaled to the size of AdamW's.

    Parameters
    ----------
    parameters
        Weights with at least two dimensions.
    lr
        Learning rate, on AdamW's scale.
    momentum
        Nesterov momentum.
    weight_decay
        Decoupled weight decay.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every weight by its orthogonalised momentum; the processes share the work."""
        shared = dist.is_initialized() and dist.get_world_size() > 1
        rank, world = (dist.get_rank(), dist.get_world_size()) if shared else (0, 1)
        every = [(group, parameter) for group in self.param_groups for parameter in group["params"]]
        flat = torch.zeros(sum(parameter.numel() for _, parameter in every))
        updates = flat.split([parameter.numel() for _, parameter in every])
        turn = _turns([parameter for _, parameter in every], world)
        for place, (group, parameter) in enumerate(every):
            state = self.state[parameter]
            if "buffer" not in state:
                state["buffer"] = torch.zeros_like(parameter)
            state["buffer"].lerp_(parameter.grad, 1.0 - group["momentum"])
            if turn[place] != rank:
                continue
            wanted = torch.lerp(parameter.grad, state["buffer"], group["momentum"])
            matrix = wanted.reshape(wanted.shape[0], -1)
            size = 0.2 * max(matrix.shape) ** 0.5
            updates[place].copy_((orthogonalise(matrix) * size).reshape(-1))
        if shared:
            dist.all_reduce(flat)
        for (group, parameter), update in zip(every, updates, strict=True):
            parameter.mul_(1.0 - group["lr"] * group["weight_decay"])
            parameter.add_(update.view_as(parameter), alpha=-group["lr"])


def _turns(parameters: list[nn.Parameter], world: int) -> list[int]:
    """Return which process orthogonalises each weight, the work being even."""
    costs = [p.numel() * min(p.shape[0], p.numel() // p.shape[0]) for p in parameters]
    loads = [0] * world
    turns = [0] * len(parameters)
    for place in sorted(range(len(parameters)), key=lambda index: -costs[index]):
        turns[place] = loads.index(min(loads))
        loads[turns[place]] += costs[place]
    return turns


def divide(unet: nn.Module, others: Iterable[nn.Parameter]) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return the weights for Muon and everything else, which stays with AdamW.

    Inputs, outputs and embeddings are no hidden matrices, so they are left to AdamW.
    """
    outer = ("conv_in", "conv_out", "time_embedding", "add_embedding")
    matrices: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in unet.named_parameters():
        inner = parameter.ndim >= 2 and not name.startswith(outer)
        (matrices if inner else rest).append(parameter)
    return matrices, [*rest, *others]
