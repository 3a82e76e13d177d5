# SPDX-License-Identifier: GPL-3.0-or-later
"""The language of the prior: objects, colours and view words.

Every view is named by two words for the azimuth and one for the elevation,
so all captions with a view have the same number of tokens and their
embeddings can be interpolated token by token.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.shapes import COLOURS, OBJECTS

TEMPLATE = "a {colour} {object}"

AZIMUTH_WORDS: tuple[str, ...] = (
    "front side",
    "front left",
    "left side",
    "back left",
    "back side",
    "back right",
    "right side",
    "front right",
)
"""Words for the azimuths 0, 45, ... 315 degrees."""

BANDS: tuple[tuple[float, str], ...] = ((5.0, "low"), (30.0, "middle"), (58.0, "high"))
"""Centre in degrees and word of every elevation band."""

SECTOR = 360.0 / len(AZIMUTH_WORDS)


def phrase(colour: str, name: str, article: str = "a") -> str:
    """Return the caption of an object without a view."""
    return TEMPLATE.replace("a ", f"{article} ", 1).format(colour=colour, object=name)


def view_text(sector: int, band: int, prompt: str = "{prompt}") -> str:
    """Return `prompt` with the words of one of the 24 views before it."""
    return f"{AZIMUTH_WORDS[sector]} {BANDS[band][1]} view of {prompt}"


@dataclass(frozen=True)
class Mixture:
    """Up to four neighbouring views with their weights (bilinear interpolation).

    Attributes
    ----------
    views
        Pairs of sector and band.
    weights
        Their weights, which sum to one.
    """

    views: tuple[tuple[int, int], ...]
    weights: tuple[float, ...]


def mixture(azimuth: float, elevation: float) -> Mixture:
    """Return the interpolation between the views around a camera."""
    place = (azimuth % 360.0) / SECTOR
    first = int(place) % len(AZIMUTH_WORDS)
    across = place - int(place)
    second = (first + 1) % len(AZIMUTH_WORDS)
    centres = [centre for centre, _ in BANDS]
    height = float(np.interp(elevation, centres, range(len(centres))))
    low = min(int(height), len(BANDS) - 2)
    up = height - low
    corners = {
        (first, low): (1 - across) * (1 - up),
        (second, low): across * (1 - up),
        (first, low + 1): (1 - across) * up,
        (second, low + 1): across * up,
    }
    kept = [(view, weight) for view, weight in corners.items() if weight > 1e-6]
    return Mixture(tuple(view for view, _ in kept), tuple(weight for _, weight in kept))


Weighted = list[tuple[str, float]]
"""Captions whose embeddings are summed with these weights."""


def exact(azimuth: float, elevation: float, prompt: str) -> Weighted:
    """Return the weighted captions of `prompt` seen by an exact camera."""
    mixed = mixture(azimuth, elevation)
    return [
        (view_text(sector, band, prompt), weight)
        for (sector, band), weight in zip(mixed.views, mixed.weights, strict=True)
    ]


def draw(colour: str, name: str, azimuth: float, elevation: float, generator: np.random.Generator) -> Weighted:
    """Return a random training caption: mostly the exact view, sometimes less.

    One in ten is empty, the condition of classifier-free guidance.
    """
    article = "a"
    if colour[0] in "aeiou" and generator.random() < 0.5:
        article = "an"
    chance = generator.random()
    if chance < 0.10:
        return [("", 1.0)]
    if chance < 0.17:
        return [(phrase(colour, name, article), 1.0)]
    if chance < 0.21:
        return [(f"a photo of {phrase(colour, name, article)}", 1.0)]
    if chance < 0.24:
        return exact(azimuth, elevation, f"a {name}")
    return exact(azimuth, elevation, phrase(colour, name, article))


def words() -> list[str]:
    """Return every word that occurs in a caption, sorted."""
    texts = [view_text(s, b, "") for s in range(len(AZIMUTH_WORDS)) for b in range(len(BANDS))]
    texts += ["a an photo of", *COLOURS, *OBJECTS]
    return sorted({word for text in texts for word in text.split()})
