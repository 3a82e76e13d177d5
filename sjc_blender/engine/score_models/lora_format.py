# SPDX-License-Identifier: GPL-3.0-or-later
"""A LoRA's tensors as pairs with their strength inside, whichever format they are in.

Each layer of a file may have a rank of its own, and a strength alpha / rank of its own, in its tensors, in the file's
header or in a file beside it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ...protocol.errors import SjcError
from ...protocol.json_text import object_in
from ...protocol.model_families import LARGEST_HEADER, json_object, safetensors_header
from ...protocol.shown import shown

CONFIGURATION = "adapter_config.json"
HEADER = "lora_adapter_metadata"
OTHER_FORMATS = {
    "dora_scale": "a DoRA",
    "lora_magnitude_vector": "a DoRA",
    "hada_": "a LoHa",
    "lokr_": "a LoKr",
    "lora_mid": "a LoCon with a Tucker decomposition",
    ".oft_": "an OFT",
    ".boft_": "a BOFT",
    "glora": "a GLoRA",
    ".ia3_": "an IA3",
    ".vera_": "a VeRA",
    ".on_input": "an IA3",
    ".w_norm": "a LoRA with norms",
    "bundle_emb": "a LoRA with embeddings of its own",
    ".diff": "a file of whole differences",
}
"""By a part of a tensor's name."""

_PAIR = re.compile(
    r"(.+?)(\.lora_|_lora\.|\.lora\.|\.lora_linear_layer\.)(A|B|down|up)(\.default|\.default_0)?\.weight"
)
_NAME = re.compile(r"[\w.-]+")
CHANGES_THE_MODEL = ("pissa", "olora", "corda", "loftq", "lora_ga")
"""How PEFT calls beginnings of a LoRA that take something out of the weights that it is trained on."""

_FIRST = ("A", "down")
_PEFT = "base_model.model."


class Pair(NamedTuple):
    """What a LoRA changes in one layer: the product of two matrices.

    Attributes
    ----------
    layer : str
        As the file has it.
    names : tuple of str
        Of the two tensors.
    down : Tensor [rank, inputs] or [rank, inputs, height, width], float32
    up : Tensor [outputs, rank] or [outputs, rank, 1, 1], float32
        With the strength of this layer in it.
    """

    layer: str
    names: tuple[str, str]
    down: torch.Tensor
    up: torch.Tensor

    @property
    def energy(self) -> float:
        """Sum of the squares of the product's elements."""
        down, up = self.down.flatten(1).double(), self.up.flatten(1).double()
        return float(((up.T @ up) * (down @ down.T)).sum())


def lora_pairs(file: Path, tensors: Mapping[str, torch.Tensor]) -> list[Pair]:
    """Bring a LoRA to one form.

    Parameters
    ----------
    file : Path
        Its header and a configuration beside it may tell its strength.
    tensors : mapping of str to Tensor
        What it holds.

    Returns
    -------
    list of Pair
        Whose products are what is added to the layers' weights at a strength of 1.

    Raises
    ------
    SjcError
        ``unsupported_adapter`` for another format, ``adapter_mismatch`` for one that is not whole.
    """
    other = next((told for part, told in OTHER_FORMATS.items() if any(part in name for name in tensors)), None)
    if other is not None:
        raise _unsupported(file, f"is {other}, a format that is not supported")
    layers, alphas = _layers(file, tensors)
    told = _told_strengths(file, of_peft=any(name.startswith(_PEFT) for name in tensors))
    pairs = []
    for layer, names in layers.items():
        down, up = tensors[names["down"]].float(), tensors[names["up"]].float()
        rank = down.shape[0] if down.ndim else 0
        if down.ndim not in (2, 4) or up.ndim != down.ndim or up.shape[1:2] != (rank,) or rank == 0:
            shapes = f"{tuple(down.shape)} and {tuple(up.shape)}"
            raise _broken(file, f"the tensors of its layer {layer!r} have the shapes {shapes}, which make no product")
        scale = alphas[layer] / rank if layer in alphas else told.of(layer, rank)
        if not math.isfinite(scale):
            raise _broken(file, f"its layer {layer!r} has no finite strength")
        pairs.append(Pair(plain_layer(layer), (names["down"], names["up"]), down, scale * up))
    return pairs


def pairs_of(tensors: Mapping[str, torch.Tensor]) -> list[Pair]:
    """Pairs whose strength is in their tensors already; tensors without a partner are left out."""
    found = [(match[1], name) for name in tensors if (match := _PAIR.fullmatch(name)) and match[3] in _FIRST]
    ups = {match[1]: name for name in tensors if (match := _PAIR.fullmatch(name)) and match[3] not in _FIRST}
    return [
        Pair(plain_layer(layer), (name, ups[layer]), tensors[name].float(), tensors[ups[layer]].float())
        for layer, name in found
        if layer in ups
    ]


def plain_layer(layer: str) -> str:
    """A layer's name without what PEFT and old releases of diffusers put into it."""
    return layer.removeprefix(_PEFT).replace(".processor.", ".")


def _layers(file: Path, tensors: Mapping[str, torch.Tensor]) -> tuple[dict[str, dict[str, str]], dict[str, float]]:
    """Names of the tensors "down" and "up" by layer, and the alphas among them."""
    layers: dict[str, dict[str, str]] = {}
    alphas = {}
    for name, tensor in tensors.items():
        found = _PAIR.fullmatch(name)
        if found is not None:
            layer, part = layers.setdefault(found[1], {}), "down" if found[3] in _FIRST else "up"
            if part in layer:
                raise _broken(file, f"its layer {found[1]!r} is in it twice")
            layer[part] = name
        elif name.endswith(".alpha") and tensor.numel() == 1:
            alphas[name.removesuffix(".alpha").removesuffix(".lora")] = float(tensor)
        else:
            raise _unsupported(file, f"holds {name[-100:]!r}, which no LoRA has that can be read")
    for name, layer in layers.items():
        if len(layer) < 2:
            raise _broken(file, f"its layer {name!r} has one of its two tensors only")
    stray = next((name for name in alphas if name not in layers), None)
    if stray is not None or not layers:
        raise _unsupported(file, f"tells the strength of {stray!r}, and holds no tensors for it")
    return layers, alphas


@dataclass(frozen=True)
class _Told:
    """Strengths in the words of PEFT's configurations, by the network that begins a layer's name ("" for any)."""

    by_network: Mapping[str, Mapping[str, Any]]

    def of(self, layer: str, rank: int) -> float:
        network = layer.split(".", 1)[0]
        told = self.by_network.get(network, self.by_network.get("", {}))
        alpha = _number(told.get("lora_alpha"))
        patterns = told.get("alpha_pattern")
        for pattern, value in (patterns if isinstance(patterns, dict) else {}).items():
            if layer == pattern or layer.endswith("." + str(pattern)):
                alpha = _number(value)
        if alpha is None:
            return 1.0  # as diffusers' training scripts mean it
        return alpha / (math.sqrt(rank) if told.get("use_rslora") else rank)


def _number(value: Any) -> float | None:
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return math.inf  # no finite strength


def _told_strengths(file: Path, *, of_peft: bool) -> _Told:
    """What a file's header or the configuration beside it says of its strength; PEFT's own files need that."""
    by_network: dict[str, dict[str, Any]] = {}
    header = safetensors_header(file).get("__metadata__")
    text = header.get(HEADER) if isinstance(header, dict) else None
    if isinstance(text, str):
        for name, value in object_in(text, LARGEST_HEADER, as_libraries=True).items():
            network, _, key = str(name).rpartition(".")
            by_network.setdefault(network, {})[key] = value
    beside = json_object(file.parent / CONFIGURATION)
    if not by_network and (of_peft or file.name == "adapter_model.safetensors"):
        by_network[""] = beside
    if of_peft and not any("lora_alpha" in told for told in by_network.values()):
        raise _unsupported(file, f"is PEFT's, and the {CONFIGURATION} that tells its strength is not beside it")
    for told in by_network.values():
        _require_plain(file, told)
    return _Told(by_network)


def _require_plain(file: Path, told: Mapping[str, Any]) -> None:
    """Refuse what PEFT's configurations tell of a format whose tensors have the names of a LoRA's."""
    if told.get("use_dora"):
        raise _unsupported(file, "is a DoRA, a format that is not supported")
    start = told.get("init_lora_weights")
    if isinstance(start, str) and start.lower().startswith(CHANGES_THE_MODEL):
        raise _unsupported(file, f"was trained on weights that its beginning ({shown(start, 30)}) had changed")
    patterns = told.get("alpha_pattern")
    strange = [name for name in (patterns if isinstance(patterns, dict) else {}) if not _NAME.fullmatch(str(name))]
    if strange:
        raise _unsupported(file, f"tells strengths by the pattern {shown(str(strange[0]), 60)!r}, which is not read")


def _unsupported(file: Path, why: str) -> SjcError:
    return SjcError(
        "unsupported_adapter",
        f"{file} {why}.",
        "Choose a LoRA in the format of diffusers, PEFT or kohya, or merge it into its model with the tool it is from.",
    )


def _broken(file: Path, why: str) -> SjcError:
    return SjcError("adapter_mismatch", f"{file} cannot be used: {why}.", "Download it again.")
