# SPDX-License-Identifier: GPL-3.0-or-later
"""Linear layers whose weights stay quantised in memory: their numbers are there while the layer runs.

diffusers' own such layers keep a parameter of a class of its own, which accelerate cannot let wait in main memory.
"""

from __future__ import annotations

from typing import Any

import torch


class QuantisedLinear(torch.nn.Linear):
    """A linear layer.

    Parameters
    ----------
    layer : GGUFLinear
        That of diffusers.
    dtype : torch.dtype
        In which it computes.

    Attributes
    ----------
    weight : Parameter [rows, bytes], uint8
    """

    def __init__(self, layer: Any, dtype: torch.dtype) -> None:
        torch.nn.Module.__init__(self)
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.kind, self.dtype = layer.weight.quant_type, dtype
        self.weight = torch.nn.Parameter(layer.weight.as_tensor().detach(), requires_grad=False)
        self.bias = layer.bias

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Compute the weights, and with them the layer's answer."""
        return torch.nn.functional.linear(inputs, numbers(self.weight, self.kind, self.dtype), self.bias)


def keep_quantised(network: torch.nn.Module, dtype: torch.dtype) -> None:
    """Put such layers in the place of diffusers', and compute the numbers of all else that is quantised."""
    from diffusers.quantizers.gguf.utils import GGUFLinear, GGUFParameter

    for layer in list(network.modules()):
        for name, child in list(layer.named_children()):
            if isinstance(child, GGUFLinear) and isinstance(child.weight, GGUFParameter):
                setattr(layer, name, QuantisedLinear(child, dtype))
    for layer in network.modules():
        for name, parameter in list(layer.named_parameters(recurse=False)):
            if isinstance(parameter, GGUFParameter):
                computed = numbers(parameter.as_tensor(), parameter.quant_type, dtype)
                setattr(layer, name, torch.nn.Parameter(computed, requires_grad=False))


def is_quantised(network: Any) -> bool:
    """Whether a component of a pipeline has such layers."""
    return isinstance(network, torch.nn.Module) and any(isinstance(one, QuantisedLinear) for one in network.modules())


def number_count(network: torch.nn.Module) -> int:
    """How many numbers a network's parameters stand for."""
    layers = [one for one in network.modules() if isinstance(one, QuantisedLinear)]
    stored = sum(layer.weight.numel() for layer in layers)
    meant = sum(layer.in_features * layer.out_features for layer in layers)
    return sum(parameter.numel() for parameter in network.parameters()) - stored + meant


def numbers(content: torch.Tensor, kind: Any, dtype: torch.dtype) -> torch.Tensor:
    """What bytes [..., n] of whole blocks mean."""
    from diffusers.quantizers.gguf.utils import GGML_QUANT_SIZES, dequantize_functions

    count, size = GGML_QUANT_SIZES[kind]
    # The scales of blocks are float16; more precise numbers take more memory than weights of half precision are worth.
    precise = torch.float32 if dtype == torch.float32 else torch.float16
    found = dequantize_functions[kind](content.reshape(-1, size), count, size, precise)
    return found.reshape(*content.shape[:-1], -1).to(dtype)
