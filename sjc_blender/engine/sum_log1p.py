"""Sum of log(1 + scale * x), with as little memory as it takes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def sum_log1p(x: Tensor, scale: float) -> Tensor:
    """Sum of log(1 + scale * x) over all elements.

    PyTorch by itself keeps three tensors of the size of `x` for it, and fills them one after the other: of a fused
    step that was a fifth. Here it is one each way, worked on in place.
    """
    total: Tensor = _SumLog1p.apply(x, scale)
    return total


class _SumLog1p(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, scale: float) -> Tensor:
        context.save_for_backward(x)
        context.scale = scale
        return (x * scale).log1p_().sum()

    @staticmethod
    def backward(context: Any, of_total: Tensor) -> tuple[Tensor, None]:
        (x,) = context.saved_tensors
        of_x = (x * context.scale).add_(1).reciprocal_()
        return of_x.mul_(of_total * context.scale), None
