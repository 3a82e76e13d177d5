# SPDX-License-Identifier: GPL-3.0-or-later
"""Which weights of a pipeline a LoRA's layers are, and their change."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from .lora_format import Pair, pairs_of
from .pipeline_call import DENOISERS

ENCODERS = ("text_encoder", "text_encoder_2", "text_encoder_3")

KOHYA = {
    **dict.fromkeys(DENOISERS, ("lora_unet_", "lora_transformer_")),
    "text_encoder": ("lora_te_", "lora_te1_"),
    "text_encoder_2": ("lora_te2_",),
    "text_encoder_3": ("lora_te3_",),
}
"""By network, what stands before the names of its layers in kohya's format, whose dots are underscores."""

OLD = {"q_proj": "to_q", "k_proj": "to_k", "v_proj": "to_v", "out_proj": "to_out"}
"""Names of a text encoder's layers, and those that diffusers once gave them."""

KEPT = 1e-3
"""By which share the squares of all changes may differ where diffusers has renamed and split layers."""


class NoSuchLayers(ValueError):
    """A LoRA's layers are not those of the model; the message says how, after "it does not fit the model"."""


def add_lora(pipeline: Any, pairs: Sequence[Pair], strength: float) -> None:
    """Add a LoRA to the weights of a pipeline.

    Parameters
    ----------
    pipeline : DiffusionPipeline
    pairs : sequence of Pair
    strength : float
        Factor of the whole.

    Raises
    ------
    NoSuchLayers
        If a layer is not in the model, or has another shape; nothing is changed then.
    """
    known = _layers_by_name(pipeline)
    if not all(pair.layer in known for pair in pairs) and hasattr(pipeline, "lora_state_dict"):
        pairs = _renamed(pipeline, pairs)
    absent = [pair.layer for pair in pairs if pair.layer not in known]
    if absent:
        raise NoSuchLayers(
            f"{len(absent)} of its {len(pairs)} layers are not in the model, {absent[0][:100]!r} for one"
        )
    named: dict[int, str] = {}
    for pair in pairs:
        weight = known[pair.layer]
        _require_shape(pair, weight)
        if id(weight) in named:
            raise NoSuchLayers(f"it has one layer of the model by two names, {named[id(weight)]!r} and {pair.layer!r}")
        named[id(weight)] = pair.layer
    with torch.no_grad():
        for pair in pairs:
            weight = known[pair.layer]
            change = pair.up.flatten(1) @ pair.down.flatten(1)
            weight.copy_(weight.float() + strength * change.view(weight.shape).to(weight.device))


def _renamed(pipeline: Any, pairs: Sequence[Pair]) -> list[Pair]:
    """Pairs by the names that diffusers gives the layers of other programs; it splits layers that are one there."""
    tensors = {name: tensor for pair in pairs for name, tensor in zip(pair.names, (pair.down, pair.up), strict=True)}
    unet = getattr(pipeline, "unet", None)
    renamed = pipeline.lora_state_dict(tensors, **({} if unet is None else {"unet_config": unet.config}))
    found = pairs_of(renamed[0] if isinstance(renamed, tuple) else renamed)
    before, after = (sum(pair.energy for pair in some) for some in (pairs, found))
    if not math.isclose(before, after, rel_tol=KEPT, abs_tol=1e-12):
        raise NoSuchLayers(
            f"of its {len(pairs)} layers some have names that diffusers does not know for "
            f"{type(pipeline).__name__}, {pairs[0].layer[:100]!r} for one of them all"
        )
    return found


def _layers_by_name(pipeline: Any) -> dict[str, torch.Tensor]:
    """Weights of linear layers and convolutions, by every name that a LoRA may have for them.

    Names that two layers would have are left out.
    """
    known: dict[str, torch.Tensor | None] = {}
    for network in (*DENOISERS, *ENCODERS):
        part = getattr(pipeline, network, None)
        for path, layer in part.named_modules() if isinstance(part, torch.nn.Module) else ():
            if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d):
                for name in _names(network, path):
                    known[name] = layer.weight if known.get(name, layer.weight) is layer.weight else None
    return {name: weight for name, weight in known.items() if weight is not None}


def _names(network: str, path: str) -> Iterator[str]:
    paths = [path]
    if network in ENCODERS:
        # Transformers once had this level.
        paths += [f"text_model.{path}"] if not path.startswith("text_model.") else []
        above, _, last = path.rpartition(".")
        paths += [f"{'' if one == path else 'text_model.'}{above}.{OLD[last]}" for one in tuple(paths) if last in OLD]
    for one in paths:
        yield f"{network}.{one}"
        for prefix in KOHYA[network]:
            yield prefix + one.replace(".", "_")
        if network in DENOISERS:
            yield one
            yield f"diffusion_model.{one}"
            if one.endswith(".to_out.0"):
                yield f"{network}.{one.removesuffix('.0')}"


def _require_shape(pair: Pair, weight: torch.Tensor) -> None:
    """Convolutions of one pixel are written as matrices too, and the other way round."""
    down, up = pair.down, pair.up
    grown, wanted = ((*shape, 1, 1)[:4] for shape in (down.shape, weight.shape))
    if grown[1:] != wanted[1:] or up.shape[0] != wanted[0] or up[0, 0].numel() != 1:
        shapes = f"{tuple(up.shape)} x {tuple(down.shape)}"
        raise NoSuchLayers(f"its layer {pair.layer[:100]!r} is {shapes}, and the model's {tuple(weight.shape)}")
