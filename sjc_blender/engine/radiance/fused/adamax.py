"""Adamax in one pass through memory: with PyTorch's own it is a third of a step from 160 voxels a side on."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .adamax_kernel import STRETCH, Adamax, adamax_kernel
from .launch import address, launch

PIECE = 8
"""Stretches that a thread takes at a time on a CPU."""


class FusedAdamax(torch.optim.Adamax):
    """`torch.optim.Adamax` for float32 parameters on CPUs and CUDA: same options, same state, same results.

    Weight decay and the options beside `lr`, `betas` and `eps` are not looked at. Gradients keep their memory: a step
    leaves them at 0 for the next one.
    """

    _gradients_are_zero = False
    permitted: Tensor | None = None
    """Scalar boolean on the parameters' device; false: the next step moves nothing. It counts for one step."""

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient, and set the gradient to 0."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    _move(parameter, self.state[parameter], group, self.permitted)
        self._gradients_are_zero, self.permitted = True, None

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set gradients to 0, which after a step they are; they are never set to None."""
        if not self._gradients_are_zero:
            super().zero_grad(set_to_none=False)
        self._gradients_are_zero = False


def _move(parameter: Tensor, state: dict[str, Any], group: dict[str, Any], permitted: Tensor | None) -> None:
    if not state:
        state["step"] = torch.tensor(0.0)
        state["exp_avg"], state["exp_inf"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
    for name in ("exp_avg", "exp_inf"):
        state[name] = _laid_out_as(parameter, state[name])
    state["step"] += 1
    beta1, beta2 = group["betas"]
    adamax = Adamax()
    adamax.parameters = address("the parameter", parameter)
    parameter.grad = _laid_out_as(parameter, parameter.grad)
    adamax.gradients = address("its gradient", parameter.grad)
    adamax.means, adamax.largest = address("exp_avg", state["exp_avg"]), address("exp_inf", state["exp_inf"])
    adamax.permitted = 0 if permitted is None else permitted.data_ptr()
    adamax.count = count = parameter.numel()
    adamax.rate = group["lr"] / (1 - beta1 ** float(state["step"]))
    adamax.beta1, adamax.beta2, adamax.epsilon = beta1, beta2, group["eps"]
    stretch = 1 if parameter.is_cuda else STRETCH
    launch(adamax_kernel(), [adamax], -(-count // stretch), PIECE, parameter.device)


def _laid_out_as(parameter: Tensor, tensor: Tensor | None) -> Tensor:
    """The tensor with its elements in memory where the parameter has them."""
    assert tensor is not None
    if tensor.stride() == parameter.stride():
        return tensor
    return torch.empty_like(parameter).copy_(tensor)
