"""Sum of log(1 + scale * x), with as little time and memory as it takes."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

LARGEST_LOG = 80.0
"""Of a product in float32, which ends at exp(88)."""

FEWEST = 2**14
"""Terms below which there is nothing to win."""


def sum_log1p(x: Tensor, scale: float) -> Tensor:
    """Sum of log(1 + scale * x) over all elements of `x`, which are in [0, 1].

    PyTorch by itself keeps three tensors of the size of `x` for it, fills them one after the other and takes as many
    logarithms: of a fused step that was a fifth. Here it is one tensor each way, worked on in place, and terms are
    multiplied, as many as a float32 holds, before their logarithm is taken.
    """
    total: Tensor = _SumLog1p.apply(x, scale)
    return total


class _SumLog1p(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, scale: float) -> Tensor:
        context.save_for_backward(x)
        context.scale = scale
        terms = (x.flatten() * scale).add_(1)
        largest = math.log1p(scale)
        while len(terms) >= FEWEST and 2 * largest <= LARGEST_LOG:
            half = len(terms) // 2
            rest = terms[2 * half :]
            products = terms[:half].mul_(terms[half : 2 * half])
            # An odd one out goes to the first.
            products[: len(rest)] *= rest
            terms, largest = products, 2 * largest + largest * len(rest)
        return terms.log_().sum()

    @staticmethod
    def backward(context: Any, of_total: Tensor) -> tuple[Tensor, None]:
        (x,) = context.saved_tensors
        of_x = (x * context.scale).add_(1).reciprocal_()
        return of_x.mul_(of_total * context.scale), None
