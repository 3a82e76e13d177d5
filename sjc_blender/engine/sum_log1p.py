"""Sum of log(1 + scale * x), with as little memory as it takes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CPU_PIECE = 2**16
"""Elements at a time on a CPU: they stay in its cache from one operation to the next."""


def sum_log1p(x: Tensor, scale: float) -> Tensor:
    """Sum of log(1 + scale * x) over all elements.

    PyTorch by itself keeps three tensors of the size of `x` for it, and fills them one after the other: of a fused
    step that was a fifth. Here it is none on the way there, and one on the way back.
    """
    total: Tensor = _SumLog1p.apply(x, scale)
    return total


class _SumLog1p(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, scale: float) -> Tensor:
        context.save_for_backward(x)
        context.scale = scale
        return torch.stack([(piece * scale).log1p_().sum() for piece in _pieces(x)]).sum()

    @staticmethod
    def backward(context: Any, of_total: Tensor) -> tuple[Tensor, None]:
        (x,) = context.saved_tensors
        of_x = torch.empty_like(x, memory_format=torch.contiguous_format)
        factor = of_total * context.scale
        for piece, of_piece in zip(_pieces(x), _pieces(of_x), strict=True):
            torch.mul(piece, context.scale, out=of_piece).add_(1).reciprocal_().mul_(factor)
        return of_x, None


def _pieces(x: Tensor) -> tuple[Tensor, ...]:
    flat = x.reshape(-1)
    return flat.split(max(1, len(flat)) if x.is_cuda else CPU_PIECE)
