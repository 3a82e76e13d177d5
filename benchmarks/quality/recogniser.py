"""The recogniser: which object a picture shows, of which colour, and from which side.

A small network of its own, trained on procedural renders (`benchmarks.quality.train_recogniser`) and never on anything
that the prior drew: a judge, not a party.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from training.shapes import COLOURS, OBJECTS

WEIGHTS = Path(__file__).with_name("recogniser.safetensors")
SIZE = 64
SECTORS = 16
NAMES, COLOUR_NAMES = tuple(OBJECTS), tuple(COLOURS)
CENTRES = torch.arange(SECTORS) * (360.0 / SECTORS)
"""Azimuth in degrees of every sector's middle."""

_WIDTHS = (24, 48, 64, 96)


class Recogniser(nn.Module):
    """Convolutions with three heads: object, colour, azimuth."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = 3
        for index, wider in enumerate(_WIDTHS):
            layers += [nn.Conv2d(width, wider, 3, stride=2, padding=1), nn.GroupNorm(8, wider), nn.SiLU()]
            if index > 0:
                layers += [nn.Conv2d(wider, wider, 3, padding=1), nn.GroupNorm(8, wider), nn.SiLU()]
            width = wider
        self.trunk = nn.Sequential(*layers)
        # The place of a feature tells the side that is seen: no pooling before this.
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(width * 16, 128), nn.SiLU())
        self.heads = nn.Linear(128, len(NAMES) + len(COLOUR_NAMES) + SECTORS)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of objects, colours and sectors of azimuth of sRGB pictures ``[n, 3, 64, 64]`` in 0..1."""
        features = self.hidden(self.trunk(pictures * 4.0 - 2.0))
        kinds, colours, sectors = self.heads(features).split([len(NAMES), len(COLOUR_NAMES), SECTORS], dim=1)
        return kinds, colours, sectors


@dataclass(frozen=True)
class Recognised:
    """What `recognise` makes of pictures.

    Attributes
    ----------
    objects, colours : Tensor
        Probabilities ``[n, objects]`` and ``[n, colours]``.
    sectors : Tensor
        Probabilities of the sectors of azimuth around `CENTRES`, ``[n, sectors]``.
    """

    objects: Tensor
    colours: Tensor
    sectors: Tensor


def load_recogniser(path: Path = WEIGHTS) -> Recogniser:
    """Load the trained network, in single precision."""
    network = Recogniser()
    network.load_state_dict({name: tensor.float() for name, tensor in load_file(path).items()})
    return network.eval().requires_grad_(False)


@torch.no_grad()
def recognise(network: Recogniser, pictures: Tensor) -> Recognised:
    """Look at sRGB pictures ``[n, 3, 64, 64]`` in 0..1."""
    kinds, colours, sectors = network(pictures)
    return Recognised(kinds.softmax(dim=1), colours.softmax(dim=1), sectors.softmax(dim=1))
